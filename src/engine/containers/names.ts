import { randomItem } from '../../lib/random.ts'

const adjectives =
  'able airy amber apt bold brave bright brisk calm candid clear clever cosy crisp deft eager early fair fleet fond frank fresh gentle glad golden grand happy hardy hearty honest humble jolly just keen kind lively loyal lucid lucky mellow merry mild neat nimble noble patient placid plucky polite proud quick quiet ready robust serene sharp silent smart snug sober solid spry stable steady stout sunny sure swift tidy trusty upbeat vivid warm wise witty zesty'.split(
    ' ',
  )
const things =
  'anchor anvil barge basin beacon berth boom bridge buoy cable capstan cargo chart compass coaster crane crate davit deck derrick dock fender ferry girder harbour hatch hawser helm hoist hold hook hull jetty keel ladder lantern lighter lock lugger manifest mast mooring oar pallet pier pilot pontoon port pulley quay rail rigging rope rudder sail schooner sextant sheave shore skiff sling spar stack steamer tackle tender terminal tiller tide topsail tow trolley tug wharf winch windlass yard'.split(
    ' ',
  )

/** A name for a container that nobody named: `brisk_derrick`. */
export const randomName = (): string => `${randomItem(adjectives)}_${randomItem(things)}`
