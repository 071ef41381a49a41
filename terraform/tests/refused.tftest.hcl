# Every value that is refused. A run sets a bad value for each of some variables, and each has to be refused.

mock_provider "google" {}

variables {
  project_id = "example-project"
}

run "shapes" {
  command = plan

  variables {
    project_id                   = "Example Project"
    region                       = "us-central1-a"
    name_prefix                  = "Zero"
    labels                       = { Team = "proving" }
    flow_logs_sampling           = 10
    release_channel              = "UNSPECIFIED"
    kubernetes_version           = "v1.35"
    maintenance_start_time       = "3:00"
    default_pool_disk_type       = "ssd"
    highmem_pool_disk_type       = "ssd"
    default_pool_disk_size_gb    = 10
    highmem_pool_disk_size_gb    = 10
    default_pool_labels          = { "zero-prover.io/pool" = "mine" }
    highmem_pool_labels          = { "zero-prover.io/pool" = "mine" }
    default_pool_max_unavailable = 21
    highmem_pool_max_unavailable = 21
    default_pool_min_nodes       = 0
    highmem_pool_min_nodes       = -1
    proofs_bucket_name           = "My Proofs"
    proofs_bucket_location       = "Europe"
    proofs_retention_days        = 0
    proofs_bucket_writers        = ["leader"]
    filestore_tier               = "PREMIUM"
    billing_account              = "my-account"
    budget_currency              = "$"
    budget_thresholds            = []
  }

  expect_failures = [
    var.project_id,
    var.region,
    var.name_prefix,
    var.labels,
    var.flow_logs_sampling,
    var.release_channel,
    var.kubernetes_version,
    var.maintenance_start_time,
    var.default_pool_disk_type,
    var.highmem_pool_disk_type,
    var.default_pool_disk_size_gb,
    var.highmem_pool_disk_size_gb,
    var.default_pool_labels,
    var.highmem_pool_labels,
    var.default_pool_max_unavailable,
    var.highmem_pool_max_unavailable,
    var.default_pool_min_nodes,
    var.highmem_pool_min_nodes,
    var.proofs_bucket_name,
    var.proofs_bucket_location,
    var.proofs_retention_days,
    var.proofs_bucket_writers,
    var.filestore_tier,
    var.billing_account,
    var.budget_currency,
    var.budget_thresholds,
  ]
}

run "shapes_by_a_hair" {
  command = plan

  variables {
    project_id                   = "short"
    region                       = "uscentral1"
    name_prefix                  = "a-prefix-of-21-letters"
    labels                       = { team = "Proving" }
    flow_logs_sampling           = -0.1
    release_channel              = "regular"
    kubernetes_version           = "1.35.8-eks.1"
    maintenance_start_time       = "24:00"
    default_pool_disk_type       = ""
    highmem_pool_disk_type       = ""
    default_pool_disk_size_gb    = 20.5
    highmem_pool_disk_size_gb    = 20.5
    default_pool_labels          = { "cloud.k8s.io/use" = "x" }
    highmem_pool_labels          = { "cloud.k8s.io/use" = "x" }
    default_pool_max_unavailable = -1
    highmem_pool_max_unavailable = -1
    default_pool_min_nodes       = 1.5
    highmem_pool_min_nodes       = 0.5
    proofs_bucket_name           = "google-proofs"
    proofs_bucket_location       = "us-central"
    proofs_retention_days        = 1.5
    proofs_bucket_writers        = ["a/b", "a/b"]
    filestore_tier               = "basic_hdd"
    billing_account              = "012345-6789ab-cdef01"
    budget_currency              = "usd"
    budget_thresholds            = [0.5, 0]
  }

  expect_failures = [
    var.project_id,
    var.region,
    var.name_prefix,
    var.labels,
    var.flow_logs_sampling,
    var.release_channel,
    var.kubernetes_version,
    var.maintenance_start_time,
    var.default_pool_disk_type,
    var.highmem_pool_disk_type,
    var.default_pool_disk_size_gb,
    var.highmem_pool_disk_size_gb,
    var.default_pool_labels,
    var.highmem_pool_labels,
    var.default_pool_max_unavailable,
    var.highmem_pool_max_unavailable,
    var.default_pool_min_nodes,
    var.highmem_pool_min_nodes,
    var.proofs_bucket_name,
    var.proofs_bucket_location,
    var.proofs_retention_days,
    var.proofs_bucket_writers,
    var.filestore_tier,
    var.billing_account,
    var.budget_currency,
    var.budget_thresholds,
  ]
}

run "names_at_their_ends" {
  command = plan

  variables {
    project_id                = "ends-with-a-hyphen-"
    name_prefix               = "ends-"
    labels                    = { "1st" = "x" }
    kubernetes_version        = "2.0"
    maintenance_start_time    = "12:60"
    default_pool_disk_size_gb = 65537
    highmem_pool_disk_size_gb = 65537
    default_pool_labels       = { use = "two words" }
    highmem_pool_labels       = { use = "two words" }
    proofs_bucket_name        = "ab"
    proofs_bucket_writers     = ["Upper/case"]
    budget_thresholds         = [11]
  }

  expect_failures = [
    var.project_id,
    var.name_prefix,
    var.labels,
    var.kubernetes_version,
    var.maintenance_start_time,
    var.default_pool_disk_size_gb,
    var.highmem_pool_disk_size_gb,
    var.default_pool_labels,
    var.highmem_pool_labels,
    var.proofs_bucket_name,
    var.proofs_bucket_writers,
    var.budget_thresholds,
  ]
}

run "shapes_of_what_depends_on_others" {
  command = plan

  variables {
    zones                     = ["us-central1-a", "europe-west4-a"]
    dns_endpoint              = false
    default_pool_machine_type = ""
    highmem_pool_machine_type = ""
    default_pool_max_nodes    = 0
    highmem_pool_max_nodes    = 0
    default_pool_max_surge    = 21
    highmem_pool_max_surge    = 21
    filestore_capacity_gb     = 1000
    budget_amount             = 0
  }

  expect_failures = [
    var.zones,
    var.dns_endpoint,
    var.default_pool_machine_type,
    var.highmem_pool_machine_type,
    var.default_pool_max_nodes,
    var.highmem_pool_max_nodes,
    var.default_pool_max_surge,
    var.highmem_pool_max_surge,
    var.filestore_capacity_gb,
    var.budget_amount,
  ]
}

run "the_same_by_a_hair" {
  command = plan

  variables {
    zones                     = ["us-central1-a", "us-central1-a"]
    authorized_networks       = { office = "203.0.113.7/24" }
    default_pool_machine_type = "standard"
    highmem_pool_machine_type = "standard"
    default_pool_max_nodes    = 1001
    highmem_pool_max_nodes    = 1001
    default_pool_max_surge    = -1
    highmem_pool_max_surge    = -1
    filestore_capacity_gb     = 1024.5
    budget_amount             = 1.5
  }

  expect_failures = [
    var.zones,
    var.authorized_networks,
    var.default_pool_machine_type,
    var.highmem_pool_machine_type,
    var.default_pool_max_nodes,
    var.highmem_pool_max_nodes,
    var.default_pool_max_surge,
    var.highmem_pool_max_surge,
    var.filestore_capacity_gb,
    var.budget_amount,
  ]
}

run "addresses_of_version_six" {
  command = plan

  variables {
    subnet_cidr         = "fd00::/108"
    authorized_networks = { office = "2001:db8::/32" }
  }

  expect_failures = [
    var.subnet_cidr,
    var.authorized_networks,
  ]
}

run "pods_of_version_six" {
  command = plan

  variables {
    pods_cidr = "fd00::/108"
  }

  expect_failures = [var.pods_cidr]
}

run "services_that_are_no_range" {
  command = plan

  variables {
    services_cidr = "10.32.0.0/33"
  }

  expect_failures = [var.services_cidr]
}

run "services_of_version_six" {
  command = plan

  variables {
    services_cidr = "fd00::/108"
  }

  expect_failures = [var.services_cidr]
}

run "public_nodes" {
  command = plan

  variables {
    subnet_cidr         = "8.8.0.0/20"
    authorized_networks = { all = "0.0.0.0/0" }
  }

  expect_failures = [
    var.subnet_cidr,
    var.authorized_networks,
  ]
}

run "public_pods" {
  command = plan

  variables {
    pods_cidr           = "172.32.0.0/14"
    authorized_networks = { half = "0.0.0.0/1", other = "128.0.0.0/1" }
  }

  expect_failures = [
    var.pods_cidr,
    var.authorized_networks,
  ]
}

run "public_services" {
  command = plan

  variables {
    services_cidr = "192.168.0.0/15"
  }

  expect_failures = [var.services_cidr]
}

run "services_by_the_wrong_number" {
  command = plan

  variables {
    services_cidr = "10.32.0.0/28"
  }

  expect_failures = [var.services_cidr]
}

run "too_few_addresses_for_nodes" {
  command = plan

  variables {
    subnet_cidr = "10.0.0.0/30"
  }

  expect_failures = [var.subnet_cidr]
}

# Seven nodes, with those added during an upgrade, and a /22 has four times a /24.
run "too_few_addresses_for_pods" {
  command = plan

  variables {
    pods_cidr = "10.16.0.0/22"
  }

  expect_failures = [var.pods_cidr]
}

run "pods_among_nodes" {
  command = plan

  variables {
    pods_cidr = "10.0.0.0/14"
  }

  expect_failures = [var.pods_cidr]
}

run "nodes_among_pods" {
  command = plan

  variables {
    subnet_cidr = "10.17.0.0/20"
  }

  expect_failures = [var.pods_cidr]
}

run "services_among_nodes" {
  command = plan

  variables {
    services_cidr = "10.0.8.0/24"
  }

  expect_failures = [var.services_cidr]
}

run "services_among_pods" {
  command = plan

  variables {
    services_cidr = "10.19.240.0/20"
  }

  expect_failures = [var.services_cidr]
}

run "pools_that_contradict_themselves" {
  command = plan

  variables {
    default_pool_min_nodes = 4
    highmem_pool_min_nodes = 3
  }

  expect_failures = [
    var.default_pool_max_nodes,
    var.highmem_pool_max_nodes,
  ]
}

run "upgrades_that_could_not_begin" {
  command = plan

  variables {
    default_pool_max_surge = 0
    highmem_pool_max_surge = 0
  }

  expect_failures = [
    var.default_pool_max_surge,
    var.highmem_pool_max_surge,
  ]
}

run "upgrades_of_too_many" {
  command = plan

  variables {
    default_pool_max_surge       = 11
    default_pool_max_unavailable = 10
    highmem_pool_max_surge       = 20
    highmem_pool_max_unavailable = 1
  }

  expect_failures = [
    var.default_pool_max_surge,
    var.highmem_pool_max_surge,
  ]
}

run "writers_without_a_bucket" {
  command = plan

  variables {
    proofs_bucket_enabled = false
    proofs_bucket_writers = ["zero-prover/leader"]
  }

  expect_failures = [var.proofs_bucket_writers]
}

run "filestore_nowhere" {
  command = plan

  variables {
    filestore_enabled = true
  }

  expect_failures = [var.filestore_zone]
}

run "too_small_a_disk_for_its_tier" {
  command = plan

  variables {
    filestore_tier        = "BASIC_SSD"
    filestore_capacity_gb = 2559
  }

  expect_failures = [var.filestore_capacity_gb]
}

run "too_large_a_disk_for_its_tier" {
  command = plan

  variables {
    filestore_tier        = "ENTERPRISE"
    filestore_capacity_gb = 10241
  }

  expect_failures = [var.filestore_capacity_gb]
}

run "a_budget_nobody_pays" {
  command = plan

  variables {
    budget_amount = 500
  }

  expect_failures = [var.budget_amount]
}

run "an_account_without_a_budget" {
  command = plan

  variables {
    billing_account = "012345-6789AB-CDEF01"
  }

  expect_failures = [var.budget_amount]
}

run "mail_without_a_budget" {
  command = plan

  variables {
    budget_emails = ["on-call@example.com"]
  }

  expect_failures = [var.budget_emails]
}

run "too_many_to_tell" {
  command = plan

  variables {
    budget_amount   = 500
    billing_account = "012345-6789AB-CDEF01"
    budget_emails   = ["a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com", "f@example.com"]
  }

  expect_failures = [var.budget_emails]
}

run "what_depends_on_those" {
  command = plan

  variables {
    subnet_cidr    = "10.0.0.1/20"
    filestore_zone = "us-central1"
    budget_emails  = ["on-call"]
  }

  expect_failures = [
    var.subnet_cidr,
    var.filestore_zone,
    var.budget_emails,
  ]
}

run "those_by_a_hair" {
  command = plan

  variables {
    filestore_zone = "europe-west4-b"
    budget_emails  = ["a b@example.com"]
  }

  expect_failures = [
    var.filestore_zone,
    var.budget_emails,
  ]
}

run "pods_that_are_no_range" {
  command = plan

  variables {
    pods_cidr = "10.16.0.0"
  }

  expect_failures = [var.pods_cidr]
}
