# What the root promises by default: its outputs, and nothing that costs without being asked for.

mock_provider "google" {
  mock_resource "google_container_cluster" {
    defaults = {
      master_version = "1.35.8-gke.1036000"
      node_locations = ["us-central1-f", "us-central1-a", "us-central1-c"]
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "nodes@example-project.iam.gserviceaccount.com"
      member = "serviceAccount:nodes@example-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  project_id = "example-project"
}

run "defaults" {
  assert {
    condition     = output.kubernetes_cluster_name == "zero-prover-gke-cluster"
    error_message = "kubernetes_cluster_name is ${output.kubernetes_cluster_name}"
  }

  assert {
    condition     = output.kubernetes_version == "1.35.8-gke.1036000"
    error_message = "kubernetes_version is ${output.kubernetes_version}"
  }

  assert {
    condition     = output.project_id == "example-project" && output.region == "us-central1"
    error_message = "project_id is ${output.project_id}, region is ${output.region}"
  }

  assert {
    condition     = output.zones == tolist(["us-central1-a", "us-central1-c", "us-central1-f"])
    error_message = "zones is not a sorted list: ${jsonencode(output.zones)}"
  }

  assert {
    condition     = output.get_credentials == "gcloud container clusters get-credentials zero-prover-gke-cluster --region us-central1 --project example-project --dns-endpoint"
    error_message = "get_credentials is: ${output.get_credentials}"
  }

  assert {
    condition     = output.node_pools.highmem.node_selector == { "zero-prover.io/pool" = "highmem" } && output.node_pools.highmem.taint == "highmem=true:NoSchedule"
    error_message = "the highmem pool is ${jsonencode(output.node_pools.highmem)}"
  }

  assert {
    condition     = output.node_pools.default.node_selector == { "zero-prover.io/pool" = "default" } && output.node_pools.default.taint == null
    error_message = "the default pool is ${jsonencode(output.node_pools.default)}"
  }

  assert {
    condition     = output.image_repository == "us-central1-docker.pkg.dev/example-project/zero-prover"
    error_message = "image_repository is ${output.image_repository}"
  }

  assert {
    condition     = output.proofs_bucket == "example-project-zero-prover-proofs" && output.network_name == "zero-prover-vpc"
    error_message = "proofs_bucket is ${output.proofs_bucket}, network_name is ${output.network_name}"
  }

  assert {
    condition     = output.node_service_account == "nodes@example-project.iam.gserviceaccount.com"
    error_message = "node_service_account is ${output.node_service_account}"
  }

  # Filestore, budget and the project's number are asked for, or not there.
  assert {
    condition     = output.filestore == null && length(module.budget) == 0 && length(data.google_project.this) == 0
    error_message = "something was made that nobody asked for"
  }

  assert {
    condition     = length(google_project_service.required) == 11
    error_message = "the APIs enabled are ${jsonencode(keys(google_project_service.required))}"
  }
}
