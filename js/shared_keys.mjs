/** Keys that mean the same in several widgets. */

/** How the picture is looked at. */
export const VIEW_KEYS = {
  "+": (widget) => widget.zoom(1),
  "=": (widget) => widget.zoom(1),
  "-": (widget) => widget.zoom(-1),
  0: (widget) => widget.fit(),
  f: (widget) => widget.expand(),
};

/** These, and the keys of a player. */
export const PLAYER_KEYS = {
  ...VIEW_KEYS,
  ",": (player) => player.goTo(player.frame - 1),
  ".": (player) => player.goTo(player.frame + 1),
  p: (player) => player.play(),
};

/** Does what a pressed key means among `keys`; returns whether it meant something. */
export function actOnKey(keys, widget, event) {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  act?.(widget);
  return act !== undefined;
}
