variable "project_id" {
  description = "Project of the instance"
  type        = string
}

variable "name" {
  description = "Name of the instance"
  type        = string
}

variable "location" {
  description = "Zone of the instance, or its region for the regional tiers"
  type        = string
}

variable "tier" {
  description = "Service tier"
  type        = string
}

variable "capacity_gb" {
  description = "Capacity in GB"
  type        = number
}

variable "network" {
  description = "Name of the VPC that mounts it"
  type        = string
}

variable "deletion_protection" {
  description = "Whether deleting it is refused"
  type        = bool
}

variable "labels" {
  description = "Labels of the instance, for billing"
  type        = map(string)
}
