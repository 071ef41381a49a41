# Every value that is refused.

mock_provider "google" {}

run "shapes" {
  command = plan

  variables {
    project_id  = "Example Project"
    name_prefix = "Second-"
    name        = "My State"
    location    = "Europe"
  }

  expect_failures = [
    var.project_id,
    var.name_prefix,
    var.name,
    var.location,
  ]
}
