output "network" {
  description = "Id of the VPC"
  value       = google_compute_network.vpc.id
}

output "network_name" {
  description = "Name of the VPC"
  value       = google_compute_network.vpc.name
}

output "subnet" {
  description = "Id of the subnet"
  value       = google_compute_subnetwork.nodes.id
}

output "pods_range" {
  description = "Name of the range of pods"
  value       = google_compute_subnetwork.nodes.secondary_ip_range[0].range_name
}

output "services_range" {
  description = "Name of the range of services"
  value       = google_compute_subnetwork.nodes.secondary_ip_range[1].range_name
}
