# Everything that can be said, with values other than the defaults.

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

variable "billing_account" {
  description = "Billing account that the project is paid from"
  type        = string
}

provider "google" {
  project = var.project_id
  # A budget belongs to a billing account, and somebody's project has to be asked on behalf of.
  billing_project       = var.project_id
  user_project_override = true
}

module "zero_prover" {
  source = "../.."

  project_id          = var.project_id
  region              = "europe-west4"
  zones               = ["europe-west4-a", "europe-west4-b"]
  name_prefix         = "prover-eu"
  labels              = { team = "proving", env = "production" }
  deletion_protection = false
  enable_apis         = false

  # Network. The control plane is reached from two networks, by its address alone.
  subnet_cidr                = "172.16.0.0/22"
  pods_cidr                  = "172.20.0.0/16"
  services_cidr              = "172.16.16.0/22"
  flow_logs_sampling         = 1
  dns_endpoint               = false
  authorized_networks        = { office = "203.0.113.0/24", vpn = "198.51.100.7/32" }
  allow_public_control_plane = false

  # Cluster.
  release_channel        = "STABLE"
  kubernetes_version     = "1.35"
  maintenance_start_time = "22:30"
  managed_prometheus     = true

  # For RabbitMQ, the leader, KEDA and the like.
  default_pool_machine_type    = "n2-standard-8"
  default_pool_disk_type       = "pd-ssd"
  default_pool_disk_size_gb    = 150
  default_pool_min_nodes       = 2
  default_pool_max_nodes       = 5
  default_pool_max_surge       = 2
  default_pool_max_unavailable = 1
  default_pool_labels          = { "example.com/use" = "general" }

  # For workers.
  highmem_pool_machine_type    = "n2-highmem-64"
  highmem_pool_disk_type       = "pd-ssd"
  highmem_pool_disk_size_gb    = 500
  highmem_pool_min_nodes       = 1
  highmem_pool_max_nodes       = 20
  highmem_pool_max_surge       = 0
  highmem_pool_max_unavailable = 2
  highmem_pool_labels          = { "example.com/use" = "proving" }
  highmem_pool_spot            = true

  # Storage.
  artifact_registry_enabled = true
  image_tags_immutable      = false
  proofs_bucket_enabled     = true
  proofs_bucket_name        = "example-proofs"
  proofs_bucket_location    = "EU"
  proofs_retention_days     = 365
  proofs_bucket_writers     = ["provers/copy-proofs"]
  filestore_enabled         = true
  filestore_tier            = "ZONAL"
  filestore_capacity_gb     = 2048
  filestore_zone            = "europe-west4-b"

  # Budget.
  budget_amount     = 20000
  billing_account   = var.billing_account
  budget_currency   = "EUR"
  budget_thresholds = [0.25, 0.5, 0.75, 1]
  budget_emails     = ["on-call@example.com", "finance@example.com"]
}

output "get_credentials" {
  description = "The command that tells kubectl of the cluster"
  value       = module.zero_prover.get_credentials
}

output "filestore" {
  description = "Address and share of the Filestore instance"
  value       = module.zero_prover.filestore
}
