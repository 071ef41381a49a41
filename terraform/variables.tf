variable "project_id" {
  description = "Id of the Google Cloud project that everything is made in"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is \"${var.project_id}\": a project's id has 6 to 30 lower-case letters, digits and hyphens and begins with a letter. Not its name or number; list yours with `gcloud projects list`."
  }
}

variable "region" {
  description = "Region of the cluster and of what belongs to it"
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is \"${var.region}\": a region looks like us-central1 or europe-west4; a zone, with its letter, belongs into zones. List them with `gcloud compute regions list`."
  }
}

variable "zones" {
  description = "Zones of the region that nodes may be in; GKE chooses three when there are none"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^${var.region}-[a-z]$", zone))])
    error_message = "zones has ${jsonencode([for zone in var.zones : zone if !can(regex("^${var.region}-[a-z]$", zone))])}: a zone is the region, ${var.region}, with a hyphen and a letter. List them with `gcloud compute zones list`."
  }

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones)
    error_message = "zones is ${jsonencode(var.zones)}: name each zone once."
  }
}

variable "name_prefix" {
  description = "What the names of all resources begin with; another one, and a state of its own, for each deployment of a project"
  type        = string
  default     = "zero-prover"
  nullable    = false

  validation {
    # A service account's id has at most 30 characters, a bucket's name 63 with the project's id in it.
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix is \"${var.name_prefix}\": it has 3 to 20 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen, so that the longest name made of it is still one."
  }
}

variable "labels" {
  description = "Labels of all resources, to tell them apart on the bill"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels has ${jsonencode({ for key, value in var.labels : key => value if !(can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))) })}: keys and values are lower-case letters, digits, hyphens and underscores, at most 63 of them, and a key begins with a letter."
  }
}

variable "deletion_protection" {
  description = "Whether deleting the cluster and the Filestore instance is refused; set it to false and apply before a teardown"
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_apis" {
  description = "Whether the APIs that are needed are enabled in the project; false when somebody else does that"
  type        = bool
  default     = true
  nullable    = false
}
