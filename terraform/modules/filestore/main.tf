resource "google_filestore_instance" "circuits" {
  project  = var.project_id
  location = var.location
  name     = var.name
  tier     = var.tier
  protocol = "NFS_V3"
  labels   = var.labels

  deletion_protection_enabled = var.deletion_protection
  deletion_protection_reason  = var.deletion_protection ? "holds the prover's circuits" : null

  file_shares {
    name        = "circuits"
    capacity_gb = var.capacity_gb
  }

  networks {
    network = var.network
    modes   = ["MODE_IPV4"]
  }
}
