"""What one writes at first: Chalice, a PynamoDB model, and a handler that returns dicts."""

import os
from typing import Any

from chalice.app import Chalice
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

app = Chalice(app_name="baseline")


class Image(Model):
    """The same items as ours, read as they are."""

    class Meta:
        table_name = os.environ.get("PARTITION_TABLE", "partition")
        region = os.environ.get("AWS_DEFAULT_REGION")
        host = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")

    user_id = UnicodeAttribute(hash_key=True)
    cursor = NumberAttribute(range_key=True)
    kind = UnicodeAttribute()
    live = NumberAttribute(attr_name="count")
    image = UnicodeAttribute(null=True)
    deletes = NumberAttribute(null=True)
    version = NumberAttribute(null=True)


@app.route("/api/images")
def list_images() -> Any:
    request: Any = app.current_request
    user = request.context["authorizer"]["principalId"]
    limit = int(request.query_params["limit"])
    found = Image.query(user, consistent_read=True, scan_index_forward=False, limit=limit)
    return {"images": [image.attribute_values for image in found]}
