variable "artifact_registry_enabled" {
  description = "Whether a repository for images is made"
  type        = bool
  default     = true
  nullable    = false
}

variable "image_tags_immutable" {
  description = "Whether a tag in the repository names one image for ever"
  type        = bool
  default     = true
  nullable    = false
}

variable "proofs_bucket_enabled" {
  description = "Whether a bucket for copies of proofs is made; nothing of ours writes to it"
  type        = bool
  default     = true
  nullable    = false
}

variable "proofs_bucket_name" {
  description = "Name of the bucket for proofs, which no other bucket in the world has; null makes one of the project and the prefix"
  type        = string
  default     = null

  validation {
    condition     = var.proofs_bucket_name == null || (can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.proofs_bucket_name)) && !can(regex("^goog|google", var.proofs_bucket_name)))
    error_message = "proofs_bucket_name is \"${coalesce(var.proofs_bucket_name, "null")}\": a bucket's name has 3 to 63 lower-case letters, digits, hyphens and underscores, begins and ends with a letter or digit, and does not begin with goog or hold google."
  }
}

variable "proofs_bucket_location" {
  description = "Region or multi-region of the bucket for proofs, like EU; null takes the cluster's region"
  type        = string
  default     = null

  validation {
    condition     = var.proofs_bucket_location == null || can(regex("^([A-Za-z]+-[A-Za-z]+[0-9]+|US|EU|ASIA)$", var.proofs_bucket_location))
    error_message = "proofs_bucket_location is \"${coalesce(var.proofs_bucket_location, "null")}\": write a region like us-central1, or US, EU or ASIA."
  }
}

variable "proofs_retention_days" {
  description = "Age in days at which what is in the bucket for proofs is deleted; null keeps it for ever"
  type        = number
  default     = null

  validation {
    condition     = var.proofs_retention_days == null ? true : var.proofs_retention_days >= 1 && floor(var.proofs_retention_days) == var.proofs_retention_days
    error_message = "proofs_retention_days is ${coalesce(var.proofs_retention_days, 0)}: a whole number of days from 1, or null to keep proofs for ever."
  }
}

variable "proofs_bucket_writers" {
  description = "Kubernetes service accounts of your own jobs that may write to the bucket for proofs, each as NAMESPACE/NAME"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for account in var.proofs_bucket_writers : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", account))])
    error_message = "proofs_bucket_writers has ${jsonencode([for account in var.proofs_bucket_writers : account if !can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", account))])}: write a namespace, a slash and the name of a service account, like provers/copy-proofs."
  }

  validation {
    condition     = length(distinct(var.proofs_bucket_writers)) == length(var.proofs_bucket_writers)
    error_message = "proofs_bucket_writers is ${jsonencode(var.proofs_bucket_writers)}: name each account once."
  }

  validation {
    condition     = var.proofs_bucket_enabled || length(var.proofs_bucket_writers) == 0
    error_message = "proofs_bucket_writers is ${jsonencode(var.proofs_bucket_writers)}, but proofs_bucket_enabled is false: there is no bucket to write to. Enable it, or name nobody."
  }
}

variable "filestore_enabled" {
  description = "Whether a Filestore instance for circuits is made; the chart can also claim one by itself"
  type        = bool
  default     = false
  nullable    = false
}

variable "filestore_tier" {
  description = "Service tier of the Filestore instance: BASIC_HDD, BASIC_SSD, ZONAL, REGIONAL or ENTERPRISE"
  type        = string
  default     = "BASIC_HDD"
  nullable    = false

  validation {
    condition     = contains(["BASIC_HDD", "BASIC_SSD", "ZONAL", "REGIONAL", "ENTERPRISE"], var.filestore_tier)
    error_message = "filestore_tier is \"${var.filestore_tier}\": it is BASIC_HDD, BASIC_SSD, ZONAL, REGIONAL or ENTERPRISE."
  }
}

variable "filestore_capacity_gb" {
  description = "Capacity of the Filestore instance in GB"
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = floor(var.filestore_capacity_gb) == var.filestore_capacity_gb && var.filestore_capacity_gb >= lookup({ BASIC_SSD = 2560 }, var.filestore_tier, 1024) && var.filestore_capacity_gb <= lookup({ ENTERPRISE = 10240, ZONAL = 102400, REGIONAL = 102400 }, var.filestore_tier, 65434)
    error_message = "filestore_capacity_gb is ${var.filestore_capacity_gb}: the tier ${var.filestore_tier} takes a whole number from ${lookup({ BASIC_SSD = 2560 }, var.filestore_tier, 1024)} to ${lookup({ ENTERPRISE = 10240, ZONAL = 102400, REGIONAL = 102400 }, var.filestore_tier, 65434)}."
  }
}

variable "filestore_zone" {
  description = "Zone of the Filestore instance; null takes the first of zones. The regional tiers have none"
  type        = string
  default     = null

  validation {
    condition     = var.filestore_zone == null || can(regex("^${var.region}-[a-z]$", var.filestore_zone))
    error_message = "filestore_zone is \"${coalesce(var.filestore_zone, "null")}\": a zone is the region, ${var.region}, with a hyphen and a letter."
  }

  validation {
    condition     = !var.filestore_enabled || contains(["REGIONAL", "ENTERPRISE"], var.filestore_tier) || var.filestore_zone != null || length(var.zones) > 0
    error_message = "filestore_zone is null and zones is empty, but an instance of the tier ${var.filestore_tier} is in one zone: name it in filestore_zone, like ${var.region}-b."
  }
}
