# Values at the edge of what is refused, which are not.

mock_provider "google" {}

run "least" {
  command = plan

  variables {
    project_id                   = "six-ch"
    name_prefix                  = "abc"
    subnet_cidr                  = "100.64.0.0/28"
    pods_cidr                    = "100.64.16.0/21"
    services_cidr                = "100.64.32.0/27"
    flow_logs_sampling           = 0
    maintenance_start_time       = "00:00"
    authorized_networks          = { large = "16.0.0.0/8", one = "203.0.113.7/32" }
    default_pool_disk_size_gb    = 20
    default_pool_max_nodes       = 1
    default_pool_max_surge       = 0
    default_pool_max_unavailable = 1
    highmem_pool_machine_type    = "n2-custom-8-65536-ext"
    highmem_pool_max_nodes       = 5
    highmem_pool_max_surge       = 2
    proofs_retention_days        = 1
    budget_amount                = 1
    billing_account              = "012345-6789AB-CDEF01"
    budget_thresholds            = [0.01]
    filestore_enabled            = true
    filestore_tier               = "BASIC_SSD"
    filestore_capacity_gb        = 2560
    filestore_zone               = "us-central1-f"
  }

  assert {
    condition     = length(module.filestore) == 1
    error_message = "no Filestore instance"
  }
}

run "most" {
  command = plan

  variables {
    project_id                   = "a-project-of-thirty-characters"
    region                       = "northamerica-northeast1"
    zones                        = ["northamerica-northeast1-a"]
    name_prefix                  = "a-prefix-of-twenty-c"
    subnet_cidr                  = "192.168.0.0/16"
    pods_cidr                    = "10.0.0.0/8"
    services_cidr                = "172.16.0.0/16"
    flow_logs_sampling           = 1
    kubernetes_version           = "1.35.8-gke.1036000"
    maintenance_start_time       = "23:59"
    default_pool_disk_size_gb    = 65536
    default_pool_min_nodes       = 1000
    default_pool_max_nodes       = 1000
    default_pool_max_surge       = 20
    default_pool_labels          = { use = "", "example.com/use" = "A.b_c-d" }
    highmem_pool_max_nodes       = 1000
    highmem_pool_max_surge       = 0
    highmem_pool_max_unavailable = 20
    proofs_bucket_location       = "US"
    filestore_enabled            = true
    filestore_tier               = "ENTERPRISE"
    filestore_capacity_gb        = 10240
    budget_emails                = ["a@example.com", "b@example.com", "c@example.com", "d@example.com", "e+f@example.co.uk"]
    budget_amount                = 1000000
    billing_account              = "012345-6789AB-CDEF01"
    budget_thresholds            = [10]
  }

  assert {
    condition     = output.proofs_bucket == "a-project-of-thirty-characters-a-prefix-of-twenty-c-proofs"
    error_message = "proofs_bucket is ${output.proofs_bucket}"
  }
}
