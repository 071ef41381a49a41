# The budget module.

mock_provider "google" {}

variables {
  project_id      = "example-project"
  project_number  = "123456789012"
  billing_account = "012345-6789AB-CDEF01"
  name            = "test monthly"
  amount          = 500
  currency        = "EUR"
  thresholds      = [0.5, 1]
  emails          = []
  labels          = { app = "test" }
}

run "administrators_are_told" {
  command = plan

  module {
    source = "./modules/budget"
  }

  assert {
    condition     = google_billing_budget.monthly.amount[0].specified_amount[0].units == "500" && google_billing_budget.monthly.amount[0].specified_amount[0].currency_code == "EUR"
    error_message = "amount is ${jsonencode(google_billing_budget.monthly.amount)}"
  }

  assert {
    condition     = google_billing_budget.monthly.budget_filter[0].projects == toset(["projects/123456789012"])
    error_message = "the budget is of ${jsonencode(google_billing_budget.monthly.budget_filter[0].projects)}"
  }

  assert {
    condition     = [for rule in google_billing_budget.monthly.threshold_rules : "${rule.spend_basis} ${rule.threshold_percent}"] == ["CURRENT_SPEND 0.5", "CURRENT_SPEND 1", "FORECASTED_SPEND 1"]
    error_message = "threshold_rules is ${jsonencode(google_billing_budget.monthly.threshold_rules)}"
  }

  assert {
    condition     = length(google_billing_budget.monthly.all_updates_rule) == 0 && length(google_monitoring_notification_channel.email) == 0
    error_message = "somebody else is told"
  }
}

run "others_are_told_too" {
  module {
    source = "./modules/budget"
  }

  variables {
    emails = ["on-call@example.com", "finance@example.com"]
  }

  assert {
    condition     = { for email, channel in google_monitoring_notification_channel.email : email => channel.labels.email_address } == { "on-call@example.com" = "on-call@example.com", "finance@example.com" = "finance@example.com" }
    error_message = "the channels are ${jsonencode(google_monitoring_notification_channel.email)}"
  }

  assert {
    condition     = length(google_billing_budget.monthly.all_updates_rule[0].monitoring_notification_channels) == 2
    error_message = "the budget knows ${jsonencode(google_billing_budget.monthly.all_updates_rule)}"
  }
}
