variable "project_id" {
  description = "Project of the notification channels"
  type        = string
}

variable "project_number" {
  description = "Number of the project whose costs count"
  type        = string
}

variable "billing_account" {
  description = "Billing account that the project is paid from"
  type        = string
}

variable "name" {
  description = "Name of the budget"
  type        = string
}

variable "amount" {
  description = "The budget of a month, in whole units of the currency"
  type        = number
}

variable "currency" {
  description = "Currency of the billing account"
  type        = string
}

variable "thresholds" {
  description = "Shares of the amount at which an alert is sent"
  type        = list(number)
}

variable "emails" {
  description = "Who is told, besides the billing account's administrators"
  type        = list(string)
}

variable "labels" {
  description = "Labels of the notification channels"
  type        = map(string)
}
