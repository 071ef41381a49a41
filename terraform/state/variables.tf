variable "project_id" {
  description = "Id of the Google Cloud project that the bucket is made in"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is \"${var.project_id}\": a project's id has 6 to 30 lower-case letters, digits and hyphens and begins with a letter. Not its name or number; list yours with `gcloud projects list`."
  }
}

variable "name_prefix" {
  description = "Prefix of the state in the bucket; the `name_prefix` of the deployment whose state it is, each its own"
  type        = string
  default     = "zero-prover"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix is \"${var.name_prefix}\": it has 3 to 20 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen, as that of the deployment."
  }
}

variable "name" {
  description = "Name of the bucket, which no other bucket in the world has; null makes one of the project"
  type        = string
  default     = null

  validation {
    condition     = var.name == null || (can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.name)) && !can(regex("^goog|google", var.name)))
    error_message = "name is \"${coalesce(var.name, "null")}\": a bucket's name has 3 to 63 lower-case letters, digits, hyphens and underscores, begins and ends with a letter or digit, and does not begin with goog or hold google."
  }
}

variable "location" {
  description = "Region or multi-region of the bucket"
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z]+-[A-Za-z]+[0-9]+|US|EU|ASIA)$", var.location))
    error_message = "location is \"${var.location}\": write a region like us-central1, or US, EU or ASIA."
  }
}
