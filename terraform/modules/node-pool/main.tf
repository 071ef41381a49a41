resource "google_container_node_pool" "pool" {
  project = var.project_id
  cluster = var.cluster
  name    = var.name
  # In each zone; the autoscaler then keeps the pool between the limits below.
  initial_node_count = var.initial_nodes

  # In all zones together.
  autoscaling {
    total_min_node_count = var.min_nodes
    total_max_node_count = var.max_nodes
    location_policy      = var.location_policy
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = var.max_surge
    max_unavailable = var.max_unavailable
  }

  node_config {
    machine_type    = var.machine_type
    disk_type       = var.disk_type
    disk_size_gb    = var.disk_size_gb
    image_type      = "COS_CONTAINERD"
    spot            = var.spot
    labels          = var.node_labels
    resource_labels = var.labels
    service_account = var.service_account
    # What the account may do is said by IAM alone.
    oauth_scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    metadata     = { disable-legacy-endpoints = "true" }

    dynamic "taint" {
      for_each = var.taints

      content {
        key    = taint.value.key
        value  = taint.value.value
        effect = taint.value.effect
      }
    }

    # Images are streamed: a pod starts before all of its image is there.
    gcfs_config {
      enabled = true
    }

    kubelet_config {
      insecure_kubelet_readonly_port_enabled = "FALSE"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  lifecycle {
    # The autoscaler's from then on; a change here would replace the pool.
    ignore_changes = [initial_node_count]
  }

  timeouts {
    # Pods have an hour to end before their node goes.
    create = "60m"
    update = "180m"
    delete = "180m"
  }
}
