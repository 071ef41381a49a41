output "name" {
  description = "Id of the budget"
  value       = google_billing_budget.monthly.id
}
