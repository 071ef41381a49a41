output "repository" {
  description = "What the names of its images begin with"
  value = join("/", [
    "${google_artifact_registry_repository.images.location}-docker.pkg.dev",
    google_artifact_registry_repository.images.project,
    google_artifact_registry_repository.images.repository_id,
  ])
}
