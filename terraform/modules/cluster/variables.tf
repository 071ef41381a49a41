variable "project_id" {
  description = "Project of the cluster"
  type        = string
}

variable "region" {
  description = "Region of the cluster"
  type        = string
}

variable "zones" {
  description = "Zones of the nodes; GKE chooses three when there are none"
  type        = list(string)
}

variable "name" {
  description = "Name of the cluster"
  type        = string
}

variable "node_account_id" {
  description = "Name of the service account that nodes run as"
  type        = string
}

variable "network" {
  description = "Id of the VPC"
  type        = string
}

variable "subnet" {
  description = "Id of the subnet"
  type        = string
}

variable "pods_range" {
  description = "Name of the subnet's range of pods"
  type        = string
}

variable "services_range" {
  description = "Name of the subnet's range of services"
  type        = string
}

variable "release_channel" {
  description = "Release channel that upgrades come from"
  type        = string
}

variable "kubernetes_version" {
  description = "Least version of the control plane; null leaves it to the channel"
  type        = string
}

variable "maintenance_start_time" {
  description = "When the daily maintenance window opens, HH:MM in UTC"
  type        = string
}

variable "dns_endpoint" {
  description = "Whether the control plane is reached by its name from outside the VPC"
  type        = bool
}

variable "authorized_networks" {
  description = "Networks that reach the control plane by its address: name → CIDR"
  type        = map(string)
}

variable "managed_prometheus" {
  description = "Whether Google collects the metrics of pods"
  type        = bool
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the cluster"
  type        = bool
}

variable "labels" {
  description = "Labels of the cluster, for billing"
  type        = map(string)
}
