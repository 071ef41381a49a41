variable "project_id" {
  description = "Project of the network"
  type        = string
}

variable "region" {
  description = "Region of the subnet"
  type        = string
}

variable "name_prefix" {
  description = "What all names begin with"
  type        = string
}

variable "subnet_cidr" {
  description = "Addresses of nodes"
  type        = string
}

variable "pods_cidr" {
  description = "Addresses of pods"
  type        = string
}

variable "services_cidr" {
  description = "Addresses of services"
  type        = string
}

variable "flow_logs_sampling" {
  description = "Share of connections that the flow logs tell of; 0 turns them off"
  type        = number
}
