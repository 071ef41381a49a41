variable "project_id" {
  description = "Project of the cluster"
  type        = string
}

variable "cluster" {
  description = "Id of the cluster, which tells its region too"
  type        = string
}

variable "name" {
  description = "Name of the pool"
  type        = string
}

variable "machine_type" {
  description = "Machine type of the nodes"
  type        = string
}

variable "disk_type" {
  description = "Type of the boot disk"
  type        = string
}

variable "disk_size_gb" {
  description = "Size of the boot disk in GB"
  type        = number
}

variable "initial_nodes" {
  description = "Number of nodes that the pool is made with, in each zone"
  type        = number
}

variable "min_nodes" {
  description = "Least number of nodes, in all zones together"
  type        = number
}

variable "max_nodes" {
  description = "Greatest number of nodes, in all zones together"
  type        = number
}

variable "max_surge" {
  description = "Nodes that are added during an upgrade"
  type        = number
}

variable "max_unavailable" {
  description = "Nodes that may be missing during an upgrade"
  type        = number
}

variable "spot" {
  description = "Whether the nodes are spot VMs, which are cheaper and taken away at any time"
  type        = bool
  default     = false
}

variable "location_policy" {
  description = "How the autoscaler chooses zones: BALANCED, or ANY that has a machine"
  type        = string
  default     = "BALANCED"
}

variable "node_labels" {
  description = "Labels that pods select nodes by"
  type        = map(string)
}

variable "taints" {
  description = "Taints that pods have to tolerate"
  type        = list(object({ key = string, value = string, effect = string }))
  default     = []
}

variable "service_account" {
  description = "E-mail address of the service account that nodes run as"
  type        = string
}

variable "labels" {
  description = "Labels of the machines, for billing"
  type        = map(string)
}
