/** The few words the page's modules build elements with. Whatever comes from the wire goes in as text, never as HTML. */

/** @param {string} id of an element that index.html has */
export const byId = (id) => document.getElementById(id);

/** @param {string} tag @param {string} [className] @param {...(Node | string)} children */
export function element(tag, className = '', ...children) {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/** Ids are told apart by their first letters. @param {string} id */
export const shortId = (id) => (/^[0-9a-f]{8}-/.test(id) ? id.slice(0, 8) : id);

/** A button that copies; the text is made when it is asked for. @param {() => string} textOf */
export function copyButton(textOf) {
  const button = Object.assign(element('button', 'small', 'Copy'), { type: 'button' });
  button.addEventListener('click', () => {
    // There is no clipboard on a page that is neither local nor served by HTTPS.
    const copied = navigator.clipboard?.writeText(textOf()) ?? Promise.reject(new Error('no clipboard'));
    copied.then(
      () => (button.textContent = 'Copied'),
      () => (button.textContent = 'Not allowed here'),
    );
  });
  return button;
}

/** Calls `draw` at the next frame, once however often it is asked for. @param {() => void} draw */
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
