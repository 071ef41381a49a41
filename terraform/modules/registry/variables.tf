variable "project_id" {
  description = "Project of the repository"
  type        = string
}

variable "location" {
  description = "Region of the repository"
  type        = string
}

variable "name" {
  description = "Name of the repository"
  type        = string
}

variable "immutable_tags" {
  description = "Whether a tag names one image for ever"
  type        = bool
}

variable "readers" {
  description = "Who may pull: a name → a member of an IAM policy"
  type        = map(string)
}

variable "labels" {
  description = "Labels of the repository, for billing"
  type        = map(string)
}
