import { base, type Schemas } from './client'

/** What owns webhooks. The kind is the word that stands in the API's paths and in the page's. */
export type Kind = Registered | 'environment'
/** The kinds that there may be many of, made and deleted by callers. An environment is there before its page is. */
export type Registered = 'agents' | 'campaigns'

export interface Owner {
  kind: Kind
  id: string
}

interface Facts {
  /** What the API's answers call one of them. */
  one: Schemas['OwnerKind']
  /** Where the calls about one of them stand. */
  path: (id: string) => string
}

/** Every kind of owner, and what is different about it. */
export const kinds: Record<Kind, Facts> = {
  agents: { one: 'agent', path: (id) => `/agents/${id}` },
  campaigns: { one: 'campaign', path: (id) => `/campaigns/${id}` },
  // Which one it is, the token says.
  environment: { one: 'environment', path: () => '/environment' },
}

export const isKind = (word: string): word is Kind => Object.hasOwn(kinds, word)

/** The kind that the API's answers name so. */
export const kindOf = (one: Schemas['OwnerKind']): Kind =>
  (Object.keys(kinds) as Kind[]).find((kind) => kinds[kind].one === one) ?? 'agents'

/** Where the API's calls about an owner stand. */
export const ownerPath = ({ kind, id }: Owner) => `${base}${kinds[kind].path(encodeURIComponent(id))}`

/** Whose something is: of what belongs to a call of a campaign, the agent that has the call. */
export function ownerOf(ids: { agent_id?: string; campaign_id?: string; environment_id?: string }): Owner {
  if (ids.agent_id) return { kind: 'agents', id: ids.agent_id }
  if (ids.campaign_id) return { kind: 'campaigns', id: ids.campaign_id }
  return { kind: 'environment', id: ids.environment_id ?? '' }
}
