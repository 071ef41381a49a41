resource "google_compute_network" "vpc" {
  project                 = var.project_id
  name                    = "${var.name_prefix}-vpc"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "nodes" {
  project       = var.project_id
  region        = var.region
  name          = "${var.name_prefix}-subnet"
  network       = google_compute_network.vpc.id
  ip_cidr_range = var.subnet_cidr
  # Nodes have no public addresses; this is their way to Google's APIs.
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.pods_cidr
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.services_cidr
  }

  dynamic "log_config" {
    for_each = var.flow_logs_sampling > 0 ? [var.flow_logs_sampling] : []

    content {
      aggregation_interval = "INTERVAL_5_SEC"
      flow_sampling        = log_config.value
      metadata             = "INCLUDE_ALL_METADATA"
    }
  }
}

# The way out for private nodes: images of other registries, and the RPC of a chain.
resource "google_compute_router" "nat" {
  project = var.project_id
  region  = var.region
  name    = "${var.name_prefix}-router"
  network = google_compute_network.vpc.id
}

resource "google_compute_router_nat" "nat" {
  project                            = var.project_id
  region                             = var.region
  name                               = "${var.name_prefix}-nat"
  router                             = google_compute_router.nat.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}
