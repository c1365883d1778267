// A picture of an image, from the server or from the sheets of an exported page.

import { make, name } from "./dom.js";

export const frame = (text) => make("span", { className: "frame" }, name(text, 60));

// An element with the picture of a row: at most `side` pixels wide and high.
export function picture(source, row, side, label) {
  if (source.sheetOf) return fromSheet(source, row, label);
  const image = make("img", { alt: label, decoding: "async", draggable: false });
  image.addEventListener("error", () => image.replaceWith(frame("no picture")));
  image.src = source.pictureUrl(row, side);
  return image;
}

// Pixels are cut from a sheet by a canvas, so that the picture keeps its shape at any size.
function fromSheet(source, row, label) {
  const place = source.sheetOf(row);
  if (!place) return frame("no picture");
  const canvas = make("canvas", { role: "img", width: place.width, height: place.height });
  canvas.setAttribute("aria-label", label);
  const sheet = new Image();
  sheet.addEventListener("load", () => {
    const context = canvas.getContext("2d");
    context.drawImage(
      sheet, place.x, place.y, place.width, place.height, 0, 0, place.width, place.height,
    );
    canvas.dispatchEvent(new Event("load"));
  });
  sheet.src = place.url;
  return canvas;
}
