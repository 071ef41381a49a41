# The default pool has no spot option: the queues live in RabbitMQ's memory there, and would go with the machine.

variable "default_pool_machine_type" {
  description = "Machine type of the default pool, for everything but workers"
  type        = string
  default     = "e2-standard-8"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*-[a-z0-9-]*[a-z0-9]$", var.default_pool_machine_type))
    error_message = "default_pool_machine_type is \"${var.default_pool_machine_type}\": a machine type looks like e2-standard-8. List them with `gcloud compute machine-types list --filter=\"zone~${var.region}\"`."
  }
}

variable "default_pool_disk_type" {
  description = "Type of the boot disks of the default pool: pd-standard, pd-balanced, pd-ssd or hyperdisk-balanced"
  type        = string
  default     = "pd-balanced"
  nullable    = false

  validation {
    condition     = contains(["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"], var.default_pool_disk_type)
    error_message = "default_pool_disk_type is \"${var.default_pool_disk_type}\": it is pd-standard, pd-balanced, pd-ssd or hyperdisk-balanced; which of them a machine takes depends on its series."
  }
}

variable "default_pool_disk_size_gb" {
  description = "Size of the boot disks of the default pool in GB"
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.default_pool_disk_size_gb >= 20 && var.default_pool_disk_size_gb <= 65536 && floor(var.default_pool_disk_size_gb) == var.default_pool_disk_size_gb
    error_message = "default_pool_disk_size_gb is ${var.default_pool_disk_size_gb}: a whole number from 20, which the node's system and images need, to 65536."
  }
}

variable "default_pool_min_nodes" {
  description = "Least number of nodes in the default pool, in all zones together; RabbitMQ and the leader live here"
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.default_pool_min_nodes >= 1 && floor(var.default_pool_min_nodes) == var.default_pool_min_nodes
    error_message = "default_pool_min_nodes is ${var.default_pool_min_nodes}: a whole number from 1, because RabbitMQ and the leader live on it."
  }
}

variable "default_pool_max_nodes" {
  description = "Greatest number of nodes in the default pool, in all zones together"
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.default_pool_max_nodes >= 1 && var.default_pool_max_nodes <= 1000 && floor(var.default_pool_max_nodes) == var.default_pool_max_nodes
    error_message = "default_pool_max_nodes is ${var.default_pool_max_nodes}: a whole number from 1 to 1000, GKE's limit for a pool."
  }

  validation {
    condition     = var.default_pool_max_nodes >= var.default_pool_min_nodes
    error_message = "default_pool_max_nodes, ${var.default_pool_max_nodes}, is less than default_pool_min_nodes, ${var.default_pool_min_nodes}: raise the one or lower the other."
  }
}

variable "default_pool_max_surge" {
  description = "Nodes of the default pool that are added during an upgrade, each of them paid and within the quota"
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.default_pool_max_surge >= 0 && var.default_pool_max_surge <= 20 && floor(var.default_pool_max_surge) == var.default_pool_max_surge
    error_message = "default_pool_max_surge is ${var.default_pool_max_surge}: a whole number from 0 to 20."
  }

  validation {
    condition     = var.default_pool_max_surge > 0 || var.default_pool_max_unavailable > 0
    error_message = "default_pool_max_surge and default_pool_max_unavailable are both 0: an upgrade could not begin. Let one be 1."
  }

  validation {
    condition     = var.default_pool_max_surge + var.default_pool_max_unavailable <= 20
    error_message = "default_pool_max_surge, ${var.default_pool_max_surge}, and default_pool_max_unavailable, ${var.default_pool_max_unavailable}, are more than 20 together, GKE's limit: lower one."
  }
}

variable "default_pool_max_unavailable" {
  description = "Nodes of the default pool that may be missing during an upgrade"
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.default_pool_max_unavailable >= 0 && var.default_pool_max_unavailable <= 20 && floor(var.default_pool_max_unavailable) == var.default_pool_max_unavailable
    error_message = "default_pool_max_unavailable is ${var.default_pool_max_unavailable}: a whole number from 0 to 20."
  }
}

variable "default_pool_labels" {
  description = "More labels for the nodes of the default pool"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(keys(var.default_pool_labels), "zero-prover.io/pool")
    error_message = "default_pool_labels has zero-prover.io/pool: that label is set to default, and the Helm chart selects nodes by it. Leave it out."
  }

  validation {
    condition     = alltrue([for key, value in var.default_pool_labels : can(regex("^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", key)) && can(regex("^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$", value)) && !can(regex("(^|[.])(kubernetes|k8s)[.]io/", key))])
    error_message = "default_pool_labels has ${jsonencode({ for key, value in var.default_pool_labels : key => value if !(can(regex("^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", key)) && can(regex("^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$", value)) && !can(regex("(^|[.])(kubernetes|k8s)[.]io/", key))) })}: Kubernetes takes letters, digits, hyphens, dots and underscores, at most 63, and keys of kubernetes.io and k8s.io are its own."
  }
}
