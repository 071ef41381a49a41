variable "project_id" {
  description = "Project of the bucket"
  type        = string
}

variable "name" {
  description = "Name of the bucket, which no other bucket in the world has"
  type        = string
}

variable "location" {
  description = "Region or multi-region of the bucket"
  type        = string
}

variable "retention_days" {
  description = "Age in days at which an object is deleted; null keeps it"
  type        = number
  default     = null
}

variable "writers" {
  description = "Who may read, write and delete objects: a name → a member of an IAM policy"
  type        = map(string)
  default     = {}
}

variable "labels" {
  description = "Labels of the bucket, for billing"
  type        = map(string)
}
