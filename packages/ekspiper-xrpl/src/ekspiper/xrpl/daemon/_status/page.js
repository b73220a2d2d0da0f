"use strict";

// The server draws the page; this puts each new drawing in the place of the old one.
const view = document.getElementById("view");
const connection = document.getElementById("connection");
const events = new EventSource("events");

events.onopen = () => {
  connection.textContent = "live";
  connection.className = "good";
};

events.onmessage = (event) => {
  view.innerHTML = event.data;
};

events.onerror = () => {
  connection.textContent = "no connection to the daemon: what you see is old";
  connection.className = "bad";
};
