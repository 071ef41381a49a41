variable "highmem_pool_machine_type" {
  description = "Machine type of the highmem pool, for workers"
  type        = string
  default     = "t2d-standard-60"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*-[a-z0-9-]*[a-z0-9]$", var.highmem_pool_machine_type))
    error_message = "highmem_pool_machine_type is \"${var.highmem_pool_machine_type}\": a machine type looks like t2d-standard-60. List them with `gcloud compute machine-types list --filter=\"zone~${var.region}\"`."
  }
}

variable "highmem_pool_disk_type" {
  description = "Type of the boot disks of the highmem pool: pd-standard, pd-balanced, pd-ssd or hyperdisk-balanced"
  type        = string
  default     = "pd-balanced"
  nullable    = false

  validation {
    condition     = contains(["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"], var.highmem_pool_disk_type)
    error_message = "highmem_pool_disk_type is \"${var.highmem_pool_disk_type}\": it is pd-standard, pd-balanced, pd-ssd or hyperdisk-balanced; which of them a machine takes depends on its series."
  }
}

variable "highmem_pool_disk_size_gb" {
  description = "Size of the boot disks of the highmem pool in GB; circuits may be kept there"
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition     = var.highmem_pool_disk_size_gb >= 20 && var.highmem_pool_disk_size_gb <= 65536 && floor(var.highmem_pool_disk_size_gb) == var.highmem_pool_disk_size_gb
    error_message = "highmem_pool_disk_size_gb is ${var.highmem_pool_disk_size_gb}: a whole number from 20, which the node's system and images need, to 65536."
  }
}

variable "highmem_pool_min_nodes" {
  description = "Least number of nodes in the highmem pool, in all zones together; with 0 an idle cluster has no dear machine"
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.highmem_pool_min_nodes >= 0 && floor(var.highmem_pool_min_nodes) == var.highmem_pool_min_nodes
    error_message = "highmem_pool_min_nodes is ${var.highmem_pool_min_nodes}: a whole number from 0, with which an idle cluster has no dear machine."
  }
}

variable "highmem_pool_max_nodes" {
  description = "Greatest number of nodes in the highmem pool, in all zones together; what is proven at once, and what it costs at most, follow from it"
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.highmem_pool_max_nodes >= 1 && var.highmem_pool_max_nodes <= 1000 && floor(var.highmem_pool_max_nodes) == var.highmem_pool_max_nodes
    error_message = "highmem_pool_max_nodes is ${var.highmem_pool_max_nodes}: a whole number from 1 to 1000, GKE's limit for a pool."
  }

  validation {
    condition     = var.highmem_pool_max_nodes >= var.highmem_pool_min_nodes
    error_message = "highmem_pool_max_nodes, ${var.highmem_pool_max_nodes}, is less than highmem_pool_min_nodes, ${var.highmem_pool_min_nodes}: raise the one or lower the other."
  }
}

variable "highmem_pool_max_surge" {
  description = "Nodes of the highmem pool that are added during an upgrade, each of them paid and within the quota"
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.highmem_pool_max_surge >= 0 && var.highmem_pool_max_surge <= 20 && floor(var.highmem_pool_max_surge) == var.highmem_pool_max_surge
    error_message = "highmem_pool_max_surge is ${var.highmem_pool_max_surge}: a whole number from 0 to 20."
  }

  validation {
    condition     = var.highmem_pool_max_surge > 0 || var.highmem_pool_max_unavailable > 0
    error_message = "highmem_pool_max_surge and highmem_pool_max_unavailable are both 0: an upgrade could not begin. Let one be 1."
  }

  validation {
    condition     = var.highmem_pool_max_surge + var.highmem_pool_max_unavailable <= 20
    error_message = "highmem_pool_max_surge, ${var.highmem_pool_max_surge}, and highmem_pool_max_unavailable, ${var.highmem_pool_max_unavailable}, are more than 20 together, GKE's limit: lower one."
  }
}

variable "highmem_pool_max_unavailable" {
  description = "Nodes of the highmem pool that may be missing during an upgrade"
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.highmem_pool_max_unavailable >= 0 && var.highmem_pool_max_unavailable <= 20 && floor(var.highmem_pool_max_unavailable) == var.highmem_pool_max_unavailable
    error_message = "highmem_pool_max_unavailable is ${var.highmem_pool_max_unavailable}: a whole number from 0 to 20."
  }
}

variable "highmem_pool_labels" {
  description = "More labels for the nodes of the highmem pool"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(keys(var.highmem_pool_labels), "zero-prover.io/pool")
    error_message = "highmem_pool_labels has zero-prover.io/pool: that label is set to highmem, and the Helm chart selects nodes by it. Leave it out."
  }

  validation {
    condition     = alltrue([for key, value in var.highmem_pool_labels : can(regex("^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", key)) && can(regex("^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$", value)) && !can(regex("(^|[.])(kubernetes|k8s)[.]io/", key))])
    error_message = "highmem_pool_labels has ${jsonencode({ for key, value in var.highmem_pool_labels : key => value if !(can(regex("^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", key)) && can(regex("^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$", value)) && !can(regex("(^|[.])(kubernetes|k8s)[.]io/", key))) })}: Kubernetes takes letters, digits, hyphens, dots and underscores, at most 63, and keys of kubernetes.io and k8s.io are its own."
  }
}

variable "highmem_pool_spot" {
  description = "Whether workers run on spot VMs: cheaper, but taken away at any time, and the task in hand is proven anew"
  type        = bool
  default     = false
  nullable    = false
}
