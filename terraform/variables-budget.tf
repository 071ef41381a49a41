variable "budget_amount" {
  description = "What the project may cost in a month, in whole units of budget_currency; mail is sent when that comes near. null makes no budget. A budget stops nothing"
  type        = number
  default     = null

  validation {
    condition     = var.budget_amount == null ? true : var.budget_amount >= 1 && floor(var.budget_amount) == var.budget_amount
    error_message = "budget_amount is ${coalesce(var.budget_amount, 0)}: a whole number from 1, or null for no budget."
  }

  validation {
    condition     = (var.budget_amount == null) == (var.billing_account == null)
    error_message = "budget_amount is ${var.budget_amount == null ? "null" : var.budget_amount} and billing_account is ${var.billing_account == null ? "null" : "\"${var.billing_account}\""}: a budget needs both. Find the account with `gcloud billing projects describe ${var.project_id}`."
  }
}

variable "billing_account" {
  description = "Billing account that the project is paid from; needed for a budget, with the right to make one there"
  type        = string
  default     = null

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account is \"${coalesce(var.billing_account, "null")}\": it looks like 012345-6789AB-CDEF01. List yours with `gcloud billing accounts list`."
  }
}

variable "budget_currency" {
  description = "Currency of the billing account"
  type        = string
  default     = "USD"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z]{3}$", var.budget_currency))
    error_message = "budget_currency is \"${var.budget_currency}\": write the three letters of the billing account's currency, like USD or EUR."
  }
}

variable "budget_thresholds" {
  description = "Shares of budget_amount at which mail is sent; it is also sent when the month is forecast to cost all of it"
  type        = list(number)
  default     = [0.5, 0.8, 1]
  nullable    = false

  validation {
    condition     = length(var.budget_thresholds) > 0 && alltrue([for share in var.budget_thresholds : share > 0 && share <= 10])
    error_message = "budget_thresholds is ${jsonencode(var.budget_thresholds)}: write at least one share of the amount; 0.5 is a half of it, 1 is all."
  }
}

variable "budget_emails" {
  description = "E-mail addresses that are told, besides the administrators of the billing account; at most five"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.budget_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$", email))])
    error_message = "budget_emails has ${jsonencode([for email in var.budget_emails : email if !can(regex("^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$", email))])}: write addresses like on-call@example.com."
  }

  validation {
    condition     = length(var.budget_emails) <= 5 && length(distinct(var.budget_emails)) == length(var.budget_emails)
    error_message = "budget_emails is ${jsonencode(var.budget_emails)}: name each address once, and at most five, a budget's limit; for more, use a mailing list."
  }

  validation {
    condition     = length(var.budget_emails) == 0 || var.budget_amount != null
    error_message = "budget_emails is ${jsonencode(var.budget_emails)}, but there is no budget to tell of: set budget_amount and billing_account."
  }
}
