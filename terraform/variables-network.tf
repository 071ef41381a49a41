locals {
  # 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10, and all ranges within them.
  private_range = join("|", [
    "^10[.].*/([89]|[1-3][0-9])$",
    "^172[.](1[6-9]|2[0-9]|3[01])[.].*/(1[2-9]|[23][0-9])$",
    "^192[.]168[.].*/(1[6-9]|[23][0-9])$",
    "^100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.].*/([1-3][0-9])$",
  ])
  # During an upgrade.
  most_nodes = sum([
    var.default_pool_max_nodes, var.default_pool_max_surge, var.highmem_pool_max_nodes, var.highmem_pool_max_surge,
  ])
}

variable "subnet_cidr" {
  description = "Addresses of nodes"
  type        = string
  default     = "10.0.0.0/20"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.subnet_cidr)) && try(cidrhost(var.subnet_cidr, 0) == split("/", var.subnet_cidr)[0], false)
    error_message = "subnet_cidr is \"${var.subnet_cidr}\": write an IPv4 range by its first address${can(cidrnetmask(var.subnet_cidr)) ? try(", ${cidrsubnet(var.subnet_cidr, 0, 0)}", "") : ", like 10.0.0.0/20"}."
  }

  validation {
    condition     = !can(cidrnetmask(var.subnet_cidr)) || can(regex(local.private_range, var.subnet_cidr))
    error_message = "subnet_cidr is \"${var.subnet_cidr}\", which is not private: choose it in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10."
  }

  validation {
    # Google keeps four addresses of each subnet.
    condition     = !can(cidrnetmask(var.subnet_cidr)) || try(pow(2, 32 - tonumber(split("/", var.subnet_cidr)[1])) - 4 >= local.most_nodes, true)
    error_message = "subnet_cidr is \"${var.subnet_cidr}\", too few addresses for the ${local.most_nodes} nodes that both pools can have during an upgrade: take a larger range, with a smaller number after the slash."
  }
}

variable "pods_cidr" {
  description = "Addresses of pods; each node takes a /24 of them"
  type        = string
  default     = "10.16.0.0/14"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.pods_cidr)) && try(cidrhost(var.pods_cidr, 0) == split("/", var.pods_cidr)[0], false)
    error_message = "pods_cidr is \"${var.pods_cidr}\": write an IPv4 range by its first address${can(cidrnetmask(var.pods_cidr)) ? try(", ${cidrsubnet(var.pods_cidr, 0, 0)}", "") : ", like 10.16.0.0/14"}."
  }

  validation {
    condition     = !can(cidrnetmask(var.pods_cidr)) || can(regex(local.private_range, var.pods_cidr))
    error_message = "pods_cidr is \"${var.pods_cidr}\", which is not private: choose it in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10."
  }

  validation {
    condition     = !can(cidrnetmask(var.pods_cidr)) || try(pow(2, 24 - tonumber(split("/", var.pods_cidr)[1])) >= local.most_nodes, true)
    error_message = "pods_cidr is \"${var.pods_cidr}\", which has no /24 for each of the ${local.most_nodes} nodes that both pools can have during an upgrade: take a larger range, with a smaller number after the slash."
  }

  validation {
    condition     = !can(cidrnetmask(var.pods_cidr)) || try(cidrhost("${split("/", var.pods_cidr)[0]}/${min(split("/", var.pods_cidr)[1], split("/", var.subnet_cidr)[1])}", 0) != cidrhost("${split("/", var.subnet_cidr)[0]}/${min(split("/", var.pods_cidr)[1], split("/", var.subnet_cidr)[1])}", 0), true)
    error_message = "pods_cidr, \"${var.pods_cidr}\", overlaps subnet_cidr, \"${var.subnet_cidr}\": choose ranges that share no address."
  }
}

variable "services_cidr" {
  description = "Addresses of services"
  type        = string
  default     = "10.32.0.0/20"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.services_cidr)) && try(cidrhost(var.services_cidr, 0) == split("/", var.services_cidr)[0], false)
    error_message = "services_cidr is \"${var.services_cidr}\": write an IPv4 range by its first address${can(cidrnetmask(var.services_cidr)) ? try(", ${cidrsubnet(var.services_cidr, 0, 0)}", "") : ", like 10.32.0.0/20"}."
  }

  validation {
    condition     = !can(cidrnetmask(var.services_cidr)) || can(regex(local.private_range, var.services_cidr))
    error_message = "services_cidr is \"${var.services_cidr}\", which is not private: choose it in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10."
  }

  validation {
    condition     = !can(cidrnetmask(var.services_cidr)) || try(tonumber(split("/", var.services_cidr)[1]) >= 16 && tonumber(split("/", var.services_cidr)[1]) <= 27, true)
    error_message = "services_cidr is \"${var.services_cidr}\": GKE takes a /16 to a /27."
  }

  validation {
    condition     = !can(cidrnetmask(var.services_cidr)) || try(cidrhost("${split("/", var.services_cidr)[0]}/${min(split("/", var.services_cidr)[1], split("/", var.subnet_cidr)[1])}", 0) != cidrhost("${split("/", var.subnet_cidr)[0]}/${min(split("/", var.services_cidr)[1], split("/", var.subnet_cidr)[1])}", 0), true)
    error_message = "services_cidr, \"${var.services_cidr}\", overlaps subnet_cidr, \"${var.subnet_cidr}\": choose ranges that share no address."
  }

  validation {
    condition     = !can(cidrnetmask(var.services_cidr)) || try(cidrhost("${split("/", var.services_cidr)[0]}/${min(split("/", var.services_cidr)[1], split("/", var.pods_cidr)[1])}", 0) != cidrhost("${split("/", var.pods_cidr)[0]}/${min(split("/", var.services_cidr)[1], split("/", var.pods_cidr)[1])}", 0), true)
    error_message = "services_cidr, \"${var.services_cidr}\", overlaps pods_cidr, \"${var.pods_cidr}\": choose ranges that share no address."
  }
}

variable "flow_logs_sampling" {
  description = "Share of connections that the subnet's flow logs tell of, 0 to 1; 0 turns them off"
  type        = number
  default     = 0.1
  nullable    = false

  validation {
    condition     = var.flow_logs_sampling >= 0 && var.flow_logs_sampling <= 1
    error_message = "flow_logs_sampling is ${var.flow_logs_sampling}: it is a share, from 0 (no flow logs) to 1 (every connection)."
  }
}

variable "dns_endpoint" {
  description = "Whether kubectl reaches the control plane by its DNS name from outside the VPC; IAM says who may"
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.dns_endpoint || length(var.authorized_networks) > 0
    error_message = "dns_endpoint is false and authorized_networks is empty: nobody could reach the control plane. Leave dns_endpoint true, or name the networks that kubectl is used from in authorized_networks."
  }
}

variable "authorized_networks" {
  description = "Networks that may reach the control plane by its IP address: a name → a CIDR range; with none there is no such address"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for range in values(var.authorized_networks) : can(cidrnetmask(range)) && try(cidrhost(range, 0) == split("/", range)[0], false)])
    error_message = "authorized_networks has ${jsonencode({ for name, range in var.authorized_networks : name => range if !(can(cidrnetmask(range)) && try(cidrhost(range, 0) == split("/", range)[0], false)) })}: write each IPv4 range by its first address; one machine is a /32, like 203.0.113.7/32."
  }

  validation {
    condition     = var.allow_public_control_plane || alltrue([for range in values(var.authorized_networks) : try(tonumber(split("/", range)[1]) >= 8, true)])
    error_message = "authorized_networks has ${jsonencode({ for name, range in var.authorized_networks : name => range if try(tonumber(split("/", range)[1]) < 8, false) })}, which opens the control plane to much of the internet: name the networks that you use, or leave it empty and come by the DNS endpoint. If it has to be, set allow_public_control_plane = true."
  }
}

variable "allow_public_control_plane" {
  description = "Whether authorized_networks may hold ranges larger than a /8, 0.0.0.0/0 among them"
  type        = bool
  default     = false
  nullable    = false
}
