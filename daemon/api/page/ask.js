// Questions to the gateway.

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

export async function ask(path) {
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Refused(response.status, `${body.error.what}; ${body.error.cure}`);
  return body;
}

// The same every so often, while somebody looks; `stop()` ends it.
export function repeat(seconds, task) {
  const timer = setInterval(() => { if (!document.hidden) task(); }, seconds * 1000);
  return {stop: () => clearInterval(timer)};
}

const kAgain = 5000;

// A stream of events that comes back by itself: a browser gives up for good when all places for live views are
// taken, and a hidden page leaves its place to others. `lost(full)` is called when it does not stand; `full` says that
// the gateway answered.
export function stream(path, handlers, lost) {
  let source = null;
  let timer = null;
  let ended = false;

  function open() {
    clearTimeout(timer);
    if (ended || document.hidden || source) return;
    const opened = new EventSource(path);
    source = opened;
    for (const [name, handle] of Object.entries(handlers)) {
      if (name === "open") opened.addEventListener("open", handle);
      else opened.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    opened.addEventListener("error", () => {
      if (ended || source !== opened) return;
      lost(opened.readyState === EventSource.CLOSED);
      close();
      timer = setTimeout(open, kAgain);
    });
  }

  function close() {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  }

  const look = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", look);
  open();
  return {
    stop() {
      ended = true;
      document.removeEventListener("visibilitychange", look);
      close();
    },
  };
}
