# The node pool module.

mock_provider "google" {}

variables {
  project_id      = "example-project"
  cluster         = "projects/example-project/locations/us-central1/clusters/test"
  name            = "highmem-node-pool"
  machine_type    = "t2d-standard-60"
  disk_type       = "pd-balanced"
  disk_size_gb    = 200
  initial_nodes   = 0
  min_nodes       = 0
  max_nodes       = 7
  max_surge       = 2
  max_unavailable = 1
  node_labels     = { "zero-prover.io/pool" = "highmem" }
  service_account = "nodes@example-project.iam.gserviceaccount.com"
  labels          = { app = "test" }
}

run "as_told" {
  command = plan

  module {
    source = "./modules/node-pool"
  }

  assert {
    condition     = google_container_node_pool.pool.autoscaling[0].total_min_node_count == 0 && google_container_node_pool.pool.autoscaling[0].total_max_node_count == 7 && google_container_node_pool.pool.autoscaling[0].location_policy == "BALANCED"
    error_message = "autoscaling is ${jsonencode(google_container_node_pool.pool.autoscaling)}"
  }

  assert {
    condition     = google_container_node_pool.pool.initial_node_count == 0
    error_message = "it begins with ${google_container_node_pool.pool.initial_node_count} nodes in each zone"
  }

  assert {
    condition     = google_container_node_pool.pool.upgrade_settings[0].max_surge == 2 && google_container_node_pool.pool.upgrade_settings[0].max_unavailable == 1
    error_message = "upgrade_settings is ${jsonencode(google_container_node_pool.pool.upgrade_settings)}"
  }

  assert {
    condition     = google_container_node_pool.pool.node_config[0].machine_type == "t2d-standard-60" && google_container_node_pool.pool.node_config[0].disk_type == "pd-balanced" && google_container_node_pool.pool.node_config[0].disk_size_gb == 200
    error_message = "the machine is another"
  }

  assert {
    condition     = google_container_node_pool.pool.node_config[0].spot == false && length(google_container_node_pool.pool.node_config[0].taint) == 0
    error_message = "spot VMs or taints that nobody asked for"
  }

  assert {
    condition     = google_container_node_pool.pool.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA" && google_container_node_pool.pool.node_config[0].shielded_instance_config[0].enable_secure_boot && google_container_node_pool.pool.node_config[0].kubelet_config[0].insecure_kubelet_readonly_port_enabled == "FALSE"
    error_message = "pods see the node's credentials, or the node is not hardened"
  }

  assert {
    condition     = google_container_node_pool.pool.management[0].auto_repair && google_container_node_pool.pool.management[0].auto_upgrade
    error_message = "nodes are neither repaired nor upgraded"
  }
}

run "spot_and_tainted" {
  command = plan

  module {
    source = "./modules/node-pool"
  }

  variables {
    spot            = true
    location_policy = "ANY"
    taints          = [{ key = "highmem", value = "true", effect = "NO_SCHEDULE" }]
  }

  assert {
    condition     = google_container_node_pool.pool.node_config[0].spot && google_container_node_pool.pool.autoscaling[0].location_policy == "ANY"
    error_message = "no spot VMs, or not from any zone"
  }

  assert {
    condition     = [for taint in google_container_node_pool.pool.node_config[0].taint : "${taint.key}=${taint.value}:${taint.effect}"] == ["highmem=true:NO_SCHEDULE"]
    error_message = "the taints are ${jsonencode(google_container_node_pool.pool.node_config[0].taint)}"
  }
}
