# The parts that can be asked for or left out.

mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "nodes@example-project.iam.gserviceaccount.com"
      member = "serviceAccount:nodes@example-project.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_filestore_instance" {
    defaults = {
      networks = { ip_addresses = ["10.1.2.3"] }
    }
  }

  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id = "example-project"
}

run "nothing_that_can_be_left_out" {
  variables {
    enable_apis               = false
    artifact_registry_enabled = false
    proofs_bucket_enabled     = false
  }

  assert {
    condition     = output.image_repository == null && output.proofs_bucket == null && length(google_project_service.required) == 0
    error_message = "something is there that was to be left out"
  }
}

run "filestore_in_a_zone_of_its_own" {
  variables {
    filestore_enabled = true
    filestore_zone    = "us-central1-b"
    zones             = ["us-central1-a", "us-central1-b"]
  }

  assert {
    condition     = output.filestore == { address = "10.1.2.3", share = "circuits", location = "us-central1-b", name = "zero-prover-circuits" }
    error_message = "filestore is ${jsonencode(output.filestore)}"
  }
}

run "filestore_in_the_first_zone" {
  variables {
    filestore_enabled = true
    zones             = ["us-central1-c", "us-central1-a"]
  }

  assert {
    condition     = output.filestore.location == "us-central1-c"
    error_message = "filestore is in ${output.filestore.location}"
  }
}

run "filestore_in_the_region" {
  variables {
    filestore_enabled = true
    filestore_tier    = "REGIONAL"
  }

  assert {
    condition     = output.filestore.location == "us-central1"
    error_message = "filestore is in ${output.filestore.location}"
  }
}

run "a_control_plane_with_an_address" {
  variables {
    dns_endpoint        = false
    authorized_networks = { office = "203.0.113.0/24" }
  }

  assert {
    condition     = output.get_credentials == "gcloud container clusters get-credentials zero-prover-gke-cluster --region us-central1 --project example-project"
    error_message = "get_credentials is: ${output.get_credentials}"
  }
}

run "a_control_plane_for_all" {
  variables {
    authorized_networks        = { all = "0.0.0.0/0" }
    allow_public_control_plane = true
  }

  assert {
    condition     = output.kubernetes_cluster_name == "zero-prover-gke-cluster"
    error_message = "a public control plane was to be allowed"
  }
}

run "a_budget" {
  variables {
    budget_amount   = 500
    billing_account = "012345-6789AB-CDEF01"
  }

  assert {
    condition     = length(module.budget) == 1 && data.google_project.this[0].number == "123456789012"
    error_message = "there is no budget"
  }
}
