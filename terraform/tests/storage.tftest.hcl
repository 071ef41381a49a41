# The modules for buckets, images and Filestore.

mock_provider "google" {
  mock_resource "google_filestore_instance" {
    defaults = {
      networks = { ip_addresses = ["10.1.2.3"] }
    }
  }
}

variables {
  project_id = "example-project"
  name       = "example"
  location   = "us-central1"
  labels     = { app = "test" }
}

run "a_bucket_is_private_and_keeps_what_is_in_it" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = google_storage_bucket.bucket.public_access_prevention == "enforced" && google_storage_bucket.bucket.uniform_bucket_level_access
    error_message = "the bucket can be made public"
  }

  assert {
    condition     = google_storage_bucket.bucket.force_destroy == false && google_storage_bucket.bucket.versioning[0].enabled
    error_message = "what is in the bucket can be lost"
  }

  assert {
    condition     = length(google_storage_bucket.bucket.lifecycle_rule) == 1 && length(google_storage_bucket_iam_member.writer) == 0
    error_message = "proofs are deleted by age, or somebody may write, and nobody asked for it"
  }
}

run "a_bucket_with_writers_forgets_in_time" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    retention_days = 30
    writers        = { "a/b" = "principal://somebody" }
  }

  assert {
    condition     = [for rule in google_storage_bucket.bucket.lifecycle_rule : one(rule.condition).age if one(rule.condition).with_state == "LIVE"] == [30]
    error_message = "the rules are ${jsonencode(google_storage_bucket.bucket.lifecycle_rule)}"
  }

  assert {
    condition     = google_storage_bucket_iam_member.writer["a/b"].role == "roles/storage.objectUser" && google_storage_bucket_iam_member.writer["a/b"].member == "principal://somebody"
    error_message = "the writer is ${jsonencode(google_storage_bucket_iam_member.writer)}"
  }
}

run "images" {
  module {
    source = "./modules/registry"
  }

  variables {
    immutable_tags = true
    readers        = { nodes = "serviceAccount:nodes@example-project.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_artifact_registry_repository.images.format == "DOCKER" && google_artifact_registry_repository.images.docker_config[0].immutable_tags
    error_message = "not a repository of images whose tags stay"
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.reader["nodes"].role == "roles/artifactregistry.reader"
    error_message = "nodes may not pull, or more than that"
  }

  assert {
    condition     = output.repository == "us-central1-docker.pkg.dev/example-project/example"
    error_message = "repository is ${output.repository}"
  }
}

run "filestore" {
  module {
    source = "./modules/filestore"
  }

  variables {
    location            = "us-central1-b"
    tier                = "ZONAL"
    capacity_gb         = 2048
    network             = "vpc"
    deletion_protection = true
  }

  assert {
    condition     = google_filestore_instance.circuits.tier == "ZONAL" && google_filestore_instance.circuits.file_shares[0].capacity_gb == 2048
    error_message = "tier or capacity is another"
  }

  assert {
    condition     = google_filestore_instance.circuits.deletion_protection_enabled && google_filestore_instance.circuits.deletion_protection_reason == "holds the prover's circuits"
    error_message = "anybody may delete the circuits"
  }

  assert {
    condition     = output.share == { address = "10.1.2.3", share = "circuits", location = "us-central1-b", name = "example" }
    error_message = "share is ${jsonencode(output.share)}"
  }
}
