import createClient from 'openapi-fetch'
import { politeFetch } from './client'
import { stringify } from './exact'
import { type Kind, type Owner, ownerPath } from './kinds'
import type { paths } from './schema'

/** Where the calls about an owner stand in the document, per kind. */
interface Bases {
  agents: '/agents/{agent_id}'
  campaigns: '/campaigns/{campaign_id}'
  environment: '/environment'
}

// Every kind of owner has the same calls of webhooks, below a path of its own. What their answers hold differs, so that an
// answer's type is that of any kind: a reader has to tell them apart.
type Below<Rest extends string> = {
  [Path in keyof paths as Path extends `${Bases[Kind]}${Rest}${infer Sub}` ? Sub : never]: {
    [Method in keyof paths[Path]]: Placed<paths[Path][Method]>
  }
}
type Placed<Call> = Call extends { parameters: infer Params }
  ? Omit<Call, 'parameters'> & { parameters: Unplaced<Params> }
  : Call
/** Parameters without those that the base of the path holds already. */
type Unplaced<Params> = Params extends { path: infer Path }
  ? Omit<Params, 'path'> &
      ([Exclude<keyof Path, Held>] extends [never] ? { path?: never } : { path: Omit<Path, Held & keyof Path> })
  : Params
type Held = 'agent_id' | 'campaign_id' | 'webhook_id'

const common = { fetch: politeFetch, bodySerializer: stringify }

/** Which webhook, and whose. */
export interface Place {
  owner: Owner
  webhook: string
}

/** Where the calls of one webhook stand. */
export const placePath = ({ owner, webhook }: Place) => `${ownerPath(owner)}/webhooks/${encodeURIComponent(webhook)}`

/** The calls about an owner: `''` is itself. */
export const ownerAt = (owner: Owner) => createClient<Below<''>>({ baseUrl: ownerPath(owner), ...common })

/** The calls of an owner's webhooks as a whole: list them, make one. */
export const webhooksOf = (owner: Owner) =>
  createClient<Below<'/webhooks'>>({ baseUrl: `${ownerPath(owner)}/webhooks`, ...common })

/** The calls of one webhook: `''` is itself. */
export const webhookAt = (place: Place) =>
  createClient<Below<'/webhooks/{webhook_id}'>>({ baseUrl: placePath(place), ...common })
