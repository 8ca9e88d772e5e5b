/**
 * The frame as the drag will leave it, while the mouse moves: the core's displacement (displacement/, stages/displace.py)
 * without its fill. Freed ground is hatched, since only the run can know what is there. No DOM: pictures are RGBA bytes.
 */

import { editMask } from "./edit_mask.mjs";
import { roundHalfEven } from "./geometry.mjs";
import { Memory } from "./memory.mjs";
import { layerMesh, spacingFor } from "./mesh.mjs";
import { pointSet } from "./points_meaning.mjs";
import { isPin } from "./points_state.mjs";
import { composed } from "./preview_pixels.mjs";
import { insideSet, touchesBorder, widened, withoutBorder, withoutRims } from "./regions.mjs";
import { HeldMesh, pullsOf } from "./rigid.mjs";
import { backward, trianglesOf, unfolded } from "./warp.mjs";

/** The core's, at its default stiffness. */
const ROUNDS = 3;
const STIFF = 20;
/** Of 255: what the thing covers at all, and what it covers more than half. */
const SOME = 5;
const HALF = 127;
const RIM = 2; // px round the layer where its colour may still be mixed into the ground's

export class LivePreview {
  #memory = new Memory();

  /**
   * The picture (RGBA bytes of `picks.size`) displaced: RGBA bytes, or null where nothing moves. `pixels`: sizes of sets and
   * squares (points_meaning.mjs). `layer`: how much of each pixel the thing covers, in bytes, or null where that is not
   * known: then everything inside the mask bends, and the mask's rim is held.
   */
  render(picture, picks, pixels, layer) {
    const { size, pairs } = picks;
    if (pairs.every(isPin)) return null;
    const mask = this.mask(picks, pixels.radius, layer);
    const thing = this.#thing(layer, size);
    const scene = this.#memory.of("scene", [mask, thing, ...size], () => sceneOf(mask, thing, size));
    const sets = pairs.map(({ handle, target }) => ({
      points: insideSet(pointSet(handle, pixels), size),
      move: [target[0] - handle[0], target[1] - handle[1]],
    }));
    const [x, y] = originOf(sets[0].points);
    const beyond = scene.isAtBorder ? beyondFor(scene, sets, size) : 0;
    const { mesh, triangles } = this.#memory.of("mesh", [scene, x, y, beyond], () => {
      const made = layerMesh({ ...scene, size, spacing: spacingFor(size), origin: [x, y], beyond });
      return { mesh: made, triangles: trianglesOf(made) };
    });
    const pulls = pullsOf(mesh, sets, size);
    const held = this.#memory.of("held", [mesh, String(pulls.discs)], () => new HeldMesh(mesh, pulls, STIFF));
    const moved = unfolded(mesh, triangles, held.bend(pulls.moves, ROUNDS), held.pulled);
    return composed(picture, scene, mesh, moved, backward(mesh, triangles, moved, size), size);
  }

  /** Where the picture may change, as a mask (regions.mjs): see edit_mask.mjs. `radius`: of the painted squares, px. */
  mask(picks, radius, layer) {
    const { size, pairs, mask_points } = picks;
    const thing = this.#thing(layer, size);
    const given = mask_points.length > 0 ? [mask_points, radius] : [JSON.stringify(pairs), thing];
    return this.#memory.of("mask", [...given, ...size], () => editMask(picks, radius, thing?.layer));
  }

  #thing(layer, size) {
    return layer && this.#memory.of("thing", [layer, ...size], () => thingOf(layer, size));
  }
}

/** Masks of what bends, what is held and what may change; `thing`: of the layer, null where none is known. */
function sceneOf(mask, thing, size) {
  if (thing) return { mask, ...thing, layer: withoutRims(thing.layer, mask, size) };
  const inner = withoutBorder(mask, size);
  const region = widened(inner, 1, size);
  return { mask: inner, region, layer: region, matte: null, isAtBorder: touchesBorder(region, size) };
}

/** What the layer covers, from how much of each pixel it does, in bytes. It stays the same while an arrow is dragged. */
function thingOf(matte, size) {
  const [some, layer] = [new Uint8Array(matte.length), new Uint8Array(matte.length)];
  for (let at = 0; at < matte.length; at++) {
    some[at] = matte[at] > SOME ? 1 : 0;
    layer[at] = matte[at] > HALF ? 1 : 0;
  }
  const region = widened(some, RIM, size);
  return { region, layer, matte, isAtBorder: touchesBorder(region, size) };
}

/** A vertex of the mesh falls on the middle of the first set. */
function originOf(points) {
  return [0, 1].map((axis) => roundHalfEven(points.reduce((sum, point) => sum + point[axis], 0) / points.length));
}

/** How far the mesh goes on over the picture's border: what is dragged in from there has to come from somewhere. */
function beyondFor({ matte }, sets, size) {
  const spacing = spacingFor(size);
  if (!matte) return 2 * spacing; // the border is held: nothing further out ever counts
  const longest = Math.max(...sets.map(({ move }) => Math.hypot(...move)));
  return spacing * (1 + Math.ceil(Math.min(longest, Math.min(...size) / 2) / spacing));
}
