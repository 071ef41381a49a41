# The least that has to be said: the project. All else has defaults.

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 8.7, < 9"
    }
  }
}

variable "project_id" {
  description = "Id of the Google Cloud project that everything is made in"
  type        = string
}

provider "google" {
  project = var.project_id
}

module "zero_prover" {
  source = "../.."

  project_id = var.project_id
}

output "get_credentials" {
  description = "The command that tells kubectl of the cluster"
  value       = module.zero_prover.get_credentials
}
