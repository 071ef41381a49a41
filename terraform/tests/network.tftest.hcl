# The network module.

mock_provider "google" {}

variables {
  project_id         = "example-project"
  region             = "us-central1"
  name_prefix        = "test"
  subnet_cidr        = "10.0.0.0/20"
  pods_cidr          = "10.16.0.0/14"
  services_cidr      = "10.32.0.0/20"
  flow_logs_sampling = 0.25
}

run "nodes_are_private_and_get_out" {
  command = plan

  module {
    source = "./modules/network"
  }

  assert {
    condition     = google_compute_network.vpc.auto_create_subnetworks == false
    error_message = "Google makes subnets of its own in the VPC"
  }

  assert {
    condition     = google_compute_subnetwork.nodes.private_ip_google_access
    error_message = "private nodes do not reach Google's APIs"
  }

  assert {
    condition     = { for range in google_compute_subnetwork.nodes.secondary_ip_range : range.range_name => range.ip_cidr_range } == { pods = "10.16.0.0/14", services = "10.32.0.0/20" }
    error_message = "the secondary ranges are ${jsonencode(google_compute_subnetwork.nodes.secondary_ip_range)}"
  }

  assert {
    condition     = google_compute_router_nat.nat.source_subnetwork_ip_ranges_to_nat == "ALL_SUBNETWORKS_ALL_IP_RANGES" && google_compute_router_nat.nat.nat_ip_allocate_option == "AUTO_ONLY"
    error_message = "not every node gets out"
  }

  assert {
    condition     = output.pods_range == "pods" && output.services_range == "services"
    error_message = "the ranges are called ${output.pods_range} and ${output.services_range}"
  }
}

run "flow_logs_on" {
  command = plan

  module {
    source = "./modules/network"
  }

  assert {
    condition     = google_compute_subnetwork.nodes.log_config[0].flow_sampling == 0.25
    error_message = "log_config is ${jsonencode(google_compute_subnetwork.nodes.log_config)}"
  }
}

run "flow_logs_off" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    flow_logs_sampling = 0
  }

  assert {
    condition     = length(google_compute_subnetwork.nodes.log_config) == 0
    error_message = "log_config is ${jsonencode(google_compute_subnetwork.nodes.log_config)}"
  }
}
