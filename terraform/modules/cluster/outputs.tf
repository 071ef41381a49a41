output "id" {
  description = "Id of the cluster"
  value       = google_container_cluster.cluster.id
}

output "name" {
  description = "Name of the cluster"
  value       = google_container_cluster.cluster.name
}

output "kubernetes_version" {
  description = "Version of the control plane"
  value       = google_container_cluster.cluster.master_version
}

output "zones" {
  description = "Zones of the nodes"
  value       = google_container_cluster.cluster.node_locations
}

output "node_service_account" {
  description = "E-mail address of the service account that nodes run as"
  value       = google_service_account.nodes.email
}

output "node_service_account_member" {
  description = "The same as a member of an IAM policy"
  value       = google_service_account.nodes.member
}
