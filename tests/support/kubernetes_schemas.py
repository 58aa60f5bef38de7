"""The schemas of Kubernetes and KEDA, from packages that carry them, and ways into rendered
objects.
"""

from functools import cache

import jsonschema
import kubernetes_validate
from cloudcoil.models.keda.v1alpha1 import ScaledObject

OLDEST, NEWEST = "1.25", kubernetes_validate.latest_version()


@cache
def keda():
    """The schema of a ScaledObject as KEDA 2.16 has it, and no field beside."""
    schema = ScaledObject.model_json_schema(by_alias=True)
    for one in (schema, *schema["$defs"].values()):
        if "properties" in one:
            one["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


def check(document, version=NEWEST):
    """Raises where a schema says no."""
    if document["kind"] == "ScaledObject":
        keda().validate(document)
    else:
        kubernetes_validate.validate(document, version, strict=True)


def of_kind(kind, found):
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def container(deployment):
    [found] = deployment["spec"]["template"]["spec"]["containers"]
    return found
