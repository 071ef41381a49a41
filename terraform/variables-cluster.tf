variable "release_channel" {
  description = "Release channel that the cluster's upgrades come from: RAPID, REGULAR, STABLE or EXTENDED"
  type        = string
  default     = "REGULAR"
  nullable    = false

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "release_channel is \"${var.release_channel}\": it is RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "kubernetes_version" {
  description = "Least version of the control plane, like 1.35; null takes the channel's own"
  type        = string
  default     = null

  validation {
    condition     = var.kubernetes_version == null || can(regex("^1\\.[0-9]{2}(\\.[0-9]+(-gke\\.[0-9]+)?)?$", var.kubernetes_version))
    error_message = "kubernetes_version is \"${coalesce(var.kubernetes_version, "null")}\": write it like 1.35, 1.35.8 or 1.35.8-gke.1036000. List them with `gcloud container get-server-config`."
  }
}

variable "maintenance_start_time" {
  description = "When the daily maintenance window of four hours opens, HH:MM in UTC"
  type        = string
  default     = "03:00"
  nullable    = false

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_start_time))
    error_message = "maintenance_start_time is \"${var.maintenance_start_time}\": write hours and minutes in UTC with two digits each, like 03:00."
  }
}

variable "managed_prometheus" {
  description = "Whether Google's managed Prometheus collects the metrics of pods; it is paid for by the sample"
  type        = bool
  default     = false
  nullable    = false
}
