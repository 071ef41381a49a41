# The cluster module.

mock_provider "google" {}

variables {
  project_id             = "example-project"
  region                 = "us-central1"
  zones                  = []
  name                   = "test-gke-cluster"
  node_account_id        = "test-nodes"
  network                = "vpc"
  subnet                 = "subnet"
  pods_range             = "pods"
  services_range         = "services"
  release_channel        = "REGULAR"
  kubernetes_version     = null
  maintenance_start_time = "03:00"
  dns_endpoint           = true
  authorized_networks    = {}
  managed_prometheus     = false
  deletion_protection    = true
  labels                 = { app = "test" }
}

run "safe_by_default" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = google_container_cluster.cluster.deletion_protection
    error_message = "anybody may delete the cluster"
  }

  assert {
    condition     = google_container_cluster.cluster.private_cluster_config[0].enable_private_nodes
    error_message = "nodes have public addresses"
  }

  assert {
    condition     = google_container_cluster.cluster.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled == false && google_container_cluster.cluster.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic
    error_message = "the control plane is not to be reached by its name alone"
  }

  assert {
    condition     = google_container_cluster.cluster.workload_identity_config[0].workload_pool == "example-project.svc.id.goog"
    error_message = "pods have no identity of their own"
  }

  assert {
    condition     = google_container_cluster.cluster.datapath_provider == "ADVANCED_DATAPATH" && google_container_cluster.cluster.networking_mode == "VPC_NATIVE"
    error_message = "network policies would not be enforced"
  }

  assert {
    condition     = google_container_cluster.cluster.release_channel[0].channel == "REGULAR" && google_container_cluster.cluster.maintenance_policy[0].daily_maintenance_window[0].start_time == "03:00"
    error_message = "upgrades come from elsewhere or at another time"
  }

  assert {
    condition     = google_container_cluster.cluster.addons_config[0].gcp_filestore_csi_driver_config[0].enabled && google_container_cluster.cluster.addons_config[0].gcs_fuse_csi_driver_config[0].enabled
    error_message = "circuits can be mounted from neither Filestore nor a bucket"
  }

  assert {
    condition     = google_container_cluster.cluster.remove_default_node_pool && google_container_cluster.cluster.master_auth[0].client_certificate_config[0].issue_client_certificate == false
    error_message = "the pool that a cluster is born with stays, or a certificate is handed out"
  }

  assert {
    condition     = google_project_iam_member.nodes.role == "roles/container.defaultNodeServiceAccount" && google_service_account.nodes.account_id == "test-nodes"
    error_message = "nodes run as somebody else, or may do something else"
  }

  assert {
    condition     = google_container_cluster.cluster.monitoring_config[0].managed_prometheus[0].enabled == false
    error_message = "samples are paid for that nobody asked for"
  }
}

run "zones_are_chosen" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  variables {
    zones = ["us-central1-a"]
  }

  assert {
    condition     = google_container_cluster.cluster.node_locations == toset(["us-central1-a"])
    error_message = "node_locations is ${jsonencode(google_container_cluster.cluster.node_locations)}"
  }
}

run "an_address_for_some" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  variables {
    dns_endpoint        = false
    authorized_networks = { office = "203.0.113.0/24", vpn = "198.51.100.7/32" }
  }

  assert {
    condition     = google_container_cluster.cluster.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled && google_container_cluster.cluster.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic == false
    error_message = "the control plane is not to be reached by its address alone"
  }

  assert {
    condition     = { for block in google_container_cluster.cluster.master_authorized_networks_config[0].cidr_blocks : block.display_name => block.cidr_block } == { office = "203.0.113.0/24", vpn = "198.51.100.7/32" }
    error_message = "the authorized networks are ${jsonencode(google_container_cluster.cluster.master_authorized_networks_config)}"
  }
}

run "other_choices" {
  command = plan

  module {
    source = "./modules/cluster"
  }

  variables {
    release_channel        = "STABLE"
    kubernetes_version     = "1.35"
    maintenance_start_time = "22:30"
    managed_prometheus     = true
    deletion_protection    = false
  }

  assert {
    condition     = google_container_cluster.cluster.release_channel[0].channel == "STABLE" && google_container_cluster.cluster.min_master_version == "1.35" && google_container_cluster.cluster.maintenance_policy[0].daily_maintenance_window[0].start_time == "22:30"
    error_message = "the version, its channel or the time of its upgrades is another"
  }

  assert {
    condition     = google_container_cluster.cluster.monitoring_config[0].managed_prometheus[0].enabled && google_container_cluster.cluster.deletion_protection == false
    error_message = "no managed Prometheus, or the cluster is protected"
  }
}
