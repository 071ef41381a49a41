# The bucket for Terraform's state.

mock_provider "google" {}

variables {
  project_id = "example-project"
}

run "named_after_the_project" {
  assert {
    condition     = output.bucket == "example-project-zero-prover-state"
    error_message = "bucket is ${output.bucket}"
  }

  assert {
    condition     = strcontains(output.backend, "bucket = \"example-project-zero-prover-state\"") && strcontains(output.backend, "prefix = \"zero-prover\"")
    error_message = "backend is ${output.backend}"
  }
}

run "a_state_of_its_own_for_each_deployment" {
  variables {
    name_prefix = "second"
  }

  assert {
    condition     = output.bucket == "example-project-zero-prover-state" && strcontains(output.backend, "prefix = \"second\"")
    error_message = "backend is ${output.backend}"
  }
}

run "named_by_hand" {
  command = plan

  variables {
    name     = "example-state"
    location = "EU"
  }

  assert {
    condition     = output.bucket == "example-state"
    error_message = "bucket is ${output.bucket}"
  }
}
