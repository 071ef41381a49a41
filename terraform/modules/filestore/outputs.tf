output "share" {
  description = "Where it is mounted from"
  value = {
    address  = one(google_filestore_instance.circuits.networks[0].ip_addresses)
    share    = google_filestore_instance.circuits.file_shares[0].name
    location = google_filestore_instance.circuits.location
    name     = google_filestore_instance.circuits.name
  }
}
