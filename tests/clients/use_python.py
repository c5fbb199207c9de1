"""What the generated Python client does; it stands beside this file's copy, as `generated`.

Prints what the clients in TypeScript print too (npm/settings.ts tells it).
"""

import json
import os
from typing import Any

from generated import AuthenticatedClient  # type: ignore[import-not-found]
from generated.api.default import (  # type: ignore[import-not-found]
    delete_image,
    delete_images,
    list_images,
    save_image,
    save_images,
    show_image,
    sync_images,
)
from generated.models import (  # type: ignore[import-not-found]
    Image,
    NewBatch,
    NewImage,
    Page,
    SavedBatch,
)

URL = "https://images.example/fox.png"


def main(client: Any) -> dict[str, Any]:
    first = NewImage(prompt="first", image_url=URL, seed=str(2**64 - 1), steps=30)
    one = save_image.sync(client=client, body=first)
    batch = NewBatch(images=[NewImage(prompt=word, image_url=URL) for word in ("second", "third")])
    more = save_images.sync(client=client, body=batch)
    assert isinstance(one, Image), one
    assert isinstance(more, SavedBatch), more
    sync_images.sync(client=client)

    prompts: list[str] = []
    following: dict[str, Any] = {}
    while True:
        page = list_images.sync(client=client, limit=2, **following)
        assert isinstance(page, Page), page
        prompts += [image.prompt for image in page.images]
        if page.next_ is None:
            break
        following = {"before": page.next_}

    shown = show_image.sync(one.cursor, client=client)
    assert isinstance(shown, Image), shown
    delete_image.sync_detailed(one.cursor, client=client)
    gone = show_image.sync_detailed(one.cursor, client=client).parsed
    others = [image.cursor for image in more.images]
    emptied = delete_images.sync_detailed(client=client, cursors=others)
    refused = save_image.sync(client=client, body=NewImage(prompt="", image_url=URL))
    return {
        "saved": [one.cursor, *(image.cursor for image in more.images)],
        "prompts": prompts,
        "seed": shown.seed,
        "emptied": int(emptied.status_code),
        "gone": {"status": gone.status, "code": gone.code},
        "refused": {"code": refused.code, "at": refused.errors[0].pointer},
    }


if __name__ == "__main__":
    signed_in = AuthenticatedClient(base_url=os.environ["API"], token=os.environ["TOKEN"])
    print(json.dumps(main(signed_in)))
