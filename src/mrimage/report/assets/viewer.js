"use strict";
// The viewer: a picture larger, with its facts, and the pictures behind a bar or a group.
// page.js calls viewer.many().
const viewer = (() => {
  const byId = (id) => document.getElementById(id);
  const images = JSON.parse(byId("images-data").textContent);
  const dialog = byId("viewer");
  const viewed = byId("viewed");
  let shown = []; // the places of the images that "previous" and "next" go through
  let heading = "";

  // Each thumbnail is in the page once. Its other places get a copy.
  const sources = new Map();
  for (const root of [document, byId("more").content]) {
    for (const image of root.querySelectorAll("img[data-picture]")) {
      sources.set(image.dataset.picture, image.src);
    }
  }
  for (const image of document.querySelectorAll("img[data-same]")) {
    image.src = sources.get(image.dataset.same) ?? "";
  }

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const picture = (place) => {
    const [, name, facts, , number] = images[place];
    const source = sources.get(String(number));
    if (!source) {
      const words = facts[0]?.startsWith("quarantined") ? facts[0] : "no picture of it here";
      return element("span", "frame", words);
    }
    const image = element("img");
    image.src = source;
    image.alt = name;
    return image;
  };
  const button = (text, action) => {
    const made = element("button", "", text);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  };
  const open = (title, ...content) => {
    byId("viewer-title").textContent = title;
    viewed.replaceChildren(...content);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  };

  // The browser opens a file of this machine only from a page that is a file itself.
  const isLocal = (uri) => uri.startsWith("/") && location.protocol === "file:";
  const original = (uri) => {
    const link = element("a", "", "Open the original");
    link.href = `file://${uri.split("/").map(encodeURIComponent).join("/")}`;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return link;
  };

  function one(place) {
    const [uri, name, facts, keys] = images[place];
    const frame = element("div", "large-picture");
    frame.append(picture(place));
    const path = element("code", "path", uri);
    path.dir = "ltr";
    const copy = element("button", "copy", "Copy the path");
    copy.type = "button";
    const pathLine = element("div", "command");
    pathLine.append(path, copy);
    const list = element("ul", "facts-list");
    for (const fact of facts) list.append(element("li", "", fact));
    if (keys.length) list.append(element("li", "", `in ${keys.join(", ")}`));
    const tools = element("div", "pager");
    if (shown.length > 1) {
      const at = shown.indexOf(place);
      const turn = (step) => one(shown[(at + step + shown.length) % shown.length]);
      tools.append(
        button("Previous", () => turn(-1)),
        element("span", "", `${at + 1} of ${shown.length}`),
        button("Next", () => turn(1)),
      );
    }
    if (heading) tools.append(button("All of them", () => many(heading, shown)));
    if (isLocal(uri)) tools.append(original(uri));
    open(name, frame, list, pathLine, tools);
  }

  function many(title, places, note = "") {
    shown = places;
    heading = title;
    const strip = element("div", "strip");
    for (const place of places) {
      const figure = element("figure", "picture");
      const opener = button("", () => one(place));
      opener.className = "open";
      opener.append(picture(place));
      const caption = element("figcaption");
      caption.append(element("bdi", "name", images[place][1]));
      caption.append(element("span", "", images[place][2].slice(0, 3).join(" · ")));
      figure.append(opener, caption);
      strip.append(figure);
    }
    open(title, element("p", "muted", note), strip);
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-image]");
    const place = Number(opener?.dataset.image ?? -1);
    if (place < 0) return;
    const around = opener.closest(".strip, .typical, .pairs") ?? opener.parentElement;
    const places = [...around.querySelectorAll("[data-image]")].map((item) =>
      Number(item.dataset.image),
    );
    shown = [...new Set(places.filter((item) => item >= 0))];
    heading = "";
    one(place);
  });
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // outside of its content
  });
  dialog.addEventListener("keydown", (event) => {
    const turns = { ArrowLeft: "Previous", ArrowRight: "Next" };
    const wanted = turns[event.key];
    if (!wanted) return;
    const found = [...viewed.querySelectorAll(".pager button")].find(
      (item) => item.textContent === wanted,
    );
    found?.click();
  });
  return { many, picture };
})();
