"""Reads the schema of Terraform's google provider out of the Python package `cdktn-provider-google`.

    pip download --no-deps cdktn-provider-google==21.1.0
    python3 extract.py cdktn_provider_google-21.1.0-py3-none-any.whl > google.json

The package is generated from the provider's schema: a class for each resource and block, and in each class a line
`// NAME - computed: B, optional: B, required: B` before the member that tells the type. What is written has the shape
of `terraform providers schema -json`, for the resources and data sources of `WANTED` alone, without descriptions.
"""

import io
import json
import re
import sys
import tarfile
import zipfile

WANTED = {
    "resource_schemas": [
        "artifact_registry_repository",
        "artifact_registry_repository_iam_member",
        "billing_budget",
        "compute_network",
        "compute_router",
        "compute_router_nat",
        "compute_subnetwork",
        "container_cluster",
        "container_node_pool",
        "filestore_instance",
        "monitoring_notification_channel",
        "project_iam_member",
        "project_service",
        "service_account",
        "storage_bucket",
        "storage_bucket_iam_member",
    ],
    "data_source_schemas": ["data_google_project"],
}
ADDRESS = "registry.terraform.io/hashicorp/google"

CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{$(.*?)^\}$", re.M | re.S)
MEMBER = re.compile(
    r"// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n"
    r"((?:.*\n){1,4}?.*(?:return .*|= new .*);)"
)
NESTED = re.compile(r'= new (?:\w+\.)?(\w+?)(OutputReference|List)\(this, "\w+"(?:, (true|false))?\)')
MAPS = {"StringMap": "string", "BooleanMap": "bool", "NumberMap": "number"}


def attribute_type(code):
    """The type that a member's getter tells."""
    as_set = "Fn.tolist(" in code
    if found := re.search(r"get(String|Number|Boolean|Any)Attribute\(", code):
        return {"String": "string", "Number": "number", "Boolean": "bool", "Any": "dynamic"}[found[1]]
    if found := re.search(r"get(String|Number|Boolean)MapAttribute\(", code):
        return ["map", MAPS[found[1] + "Map"]]
    if found := re.search(r"new cdktn\.(\w+Map)\(", code):
        return ["map", MAPS[found[1]]]
    if re.search(r"getNumberListAttribute\(", code):
        return ["set" if as_set else "list", "number"]
    if re.search(r"getListAttribute\(", code):
        return ["set" if as_set else "list", "string"]
    raise ValueError(f"no type in: {code}")


def object_type(classes, name):
    """A block that only the provider fills in is an attribute of objects."""
    members = {}
    for member, _, _, _, code in MEMBER.findall(classes[name]):
        nested = NESTED.search(code)
        members[member] = nested_type(classes, nested) if nested else attribute_type(code)
    return ["object", members]


def nested_type(classes, nested):
    base, kind, as_set = nested.groups()
    return ["set" if kind == "List" and as_set == "true" else "list", object_type(classes, base + "OutputReference")]


def block(classes, name):
    attributes, blocks = {}, {}
    for member, computed, optional, required, code in MEMBER.findall(classes[name]):
        flags = {k: True for k, v in (("computed", computed), ("optional", optional), ("required", required)) if v == "true"}
        nested = NESTED.search(code)
        if not nested:
            attributes[member] = {"type": attribute_type(code), **flags}
        elif "computed" in flags:
            attributes[member] = {"type": nested_type(classes, nested), **flags}
        else:
            base, kind, as_set = nested.groups()
            inner = {"block": block(classes, base + "OutputReference")}
            if member == "timeouts":
                inner["nesting_mode"] = "single"
            else:
                inner["nesting_mode"] = "set" if kind == "List" and as_set == "true" else "list"
                if required == "true":
                    inner["min_items"] = 1
                if kind == "OutputReference":
                    inner["max_items"] = 1
            blocks[member] = inner
    return {k: v for k, v in (("attributes", attributes), ("block_types", blocks)) if v}


def provider_block(code):
    """Of the provider's own block, the members that are no blocks: their types stand in another place."""
    simple = re.findall(r'(\w+): \{\n.*\n\s+isBlock: false,\n\s+type: "simple",\n\s+storageClassType: "(string|boolean)"', code)
    members = {found[0] for found in MEMBER.findall(code)}
    wanted = [(name, of) for name, of in simple if name in members - {"alias"} and not name.endswith("_custom_endpoint")]
    return {"attributes": {name: {"type": {"boolean": "bool"}.get(of, of), "optional": True} for name, of in wanted}}


def main():
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        package = tarfile.open(fileobj=io.BytesIO(wheel.read(inner)))
    sources = {}
    for file in package:
        if file.name.endswith(".js"):
            sources.setdefault(file.name.split("/")[2], []).append(file)
    provider = "\n".join(package.extractfile(f).read().decode() for f in sources["provider"])
    schema, versions = {"provider": {"version": 0, "block": provider_block(provider)}}, set()
    for kind, names in WANTED.items():
        for name in names:
            code = "\n".join(package.extractfile(f).read().decode() for f in sources[name.replace("_", "-")])
            classes = {found[0]: found[2] for found in CLASS.findall(code)}
            top = next(found[0] for found in CLASS.findall(code) if found[1] in ("TerraformResource", "TerraformDataSource"))
            versions |= set(re.findall(r"providerVersion: '([\d.]+)'", code))
            full = "google_" + name.removeprefix("data_google_")
            schema.setdefault(kind, {})[full] = {"version": 0, "block": block(classes, top)}
    print(f"google provider {', '.join(versions)}", file=sys.stderr)
    json.dump({"format_version": "1.0", "provider_schemas": {ADDRESS: schema}}, sys.stdout, indent=1, sort_keys=True)
    print()


main()
