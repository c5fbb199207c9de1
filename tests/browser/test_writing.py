"""The save form: nothing that was typed is lost, and what is wrong is said to people."""

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import (
    HOME,
    Visitor,
    drawn,
    fill_form,
    open_form,
    saved,
    user_menu,
)

_CARRY = """([kind, text]) => {
  const data = new DataTransfer();
  if (text) data.setData("text/plain", text);
  else data.items.add(new File(["x"], "fox.png", { type: "image/png" }));
  const event = { bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(kind === "paste"
    ? new ClipboardEvent(kind, { ...event, clipboardData: data })
    : new DragEvent(kind, { ...event, dataTransfer: data }));
}"""


def carry(page: Page, kind: str, text: str) -> None:
    """Pastes or drops the text, or a file if there is none."""
    page.evaluate(_CARRY, [kind, text])


def form(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Save images")


def test_what_is_typed_outlives_escape_back_and_a_reload(visitor: Visitor) -> None:
    page = visitor.page
    fill_form(page, {"prompt": "a fox", "imageUrl": "https://images.example/fox.png"})
    page.keyboard.press("Escape")
    expect(form(page)).to_have_count(0)
    expect(open_form(page).get_by_label("Prompt")).to_have_value("a fox")
    page.go_back()
    expect(form(page)).to_have_count(0)
    expect(page).to_have_url(f"{visitor.server.url}{HOME}")
    page.reload()
    page.keyboard.press("n")
    expect(form(page).get_by_label("Prompt")).to_have_value("a fox")
    page.reload()
    expect(form(page).get_by_label("Image address")).to_have_value("https://images.example/fox.png")
    form(page).get_by_role("button", name="Discard").click()
    expect(open_form(page).get_by_label("Prompt")).to_have_value("")


def test_what_is_typed_goes_with_who_typed_it(visitor: Visitor, name: str) -> None:
    page = visitor.page
    fill_form(page, {"prompt": "a secret fox"})
    page.keyboard.press("Escape")
    expect(user_menu(page)).to_be_visible()
    visitor.sign_out()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert "secret" not in str(page.evaluate("JSON.stringify({ ...sessionStorage })"))
    visitor.sign_in(name)
    expect(open_form(page).get_by_label("Prompt")).to_have_value("")


def test_thirty_pasted_addresses_are_thirty_images(visitor: Visitor, alice: httpx.Client) -> None:
    """More than one call takes. What is refused stays in the form, and nothing else does."""
    page = visitor.page
    addresses = [drawn("a", seed)["imageUrl"] for seed in range(30)]
    carry(page, "paste", ", ".join(f"({address})" for address in addresses) + ".")
    form(page).get_by_label("Prompt").fill("thirty")
    form(page).get_by_label("Seed 28").fill("minus one")
    form(page).get_by_role("button", name="Save", exact=True).click()
    error = form(page).get_by_text("A seed is a whole number")
    expect(error).to_be_visible()
    expect(form(page).get_by_label("Seed 3")).to_be_focused()
    expect(form(page).get_by_role("heading", name="Save 5 images")).to_be_visible()
    form(page).get_by_label("Seed 3").fill("1")
    expect(error).to_have_count(0)
    form(page).get_by_role("button", name="Save", exact=True).click()
    expect(form(page)).to_have_count(0)
    expect(page).to_have_title("Images (30)")
    assert sorted(image["imageUrl"] for image in saved(alice)) == sorted(addresses)


def test_a_dropped_address_is_shown_and_saved_whole(visitor: Visitor, alice: httpx.Client) -> None:
    visitor.shows_images_elsewhere()
    page = visitor.page
    address = "https://images.example/2.svg?prompt=a%20cat's%20dream!"
    carry(page, "drop", address)
    expect(form(page).get_by_label("Image address")).to_have_value(address)
    expect(form(page).locator(".preview img")).to_have_attribute("src", address)
    form(page).get_by_label("Prompt").fill("a cat's dream")
    form(page).get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title("Images (1)")
    assert [image["imageUrl"] for image in saved(alice)] == [address]


ANSWERS = [
    ("drop", "", "Files cannot be saved here"),
    ("paste", "", "Files cannot be saved here"),
    ("drop", "http://images.example/fox.png", "Only addresses that begin with https://"),
    ("drop", "a red fox", "There is no address of an image"),
]


def test_what_cannot_be_saved_is_answered(visitor: Visitor) -> None:
    page = visitor.page
    expect(page.get_by_text("Your library is empty")).to_be_visible()
    for kind, text, answer in ANSWERS:
        carry(page, kind, text)
        expect(page.get_by_role("status").filter(has_text=answer)).to_be_visible()
    open_form(page)
    for kind, text, answer in ANSWERS:
        carry(page, kind, text)
        expect(form(page).get_by_role("alert")).to_contain_text(answer)
