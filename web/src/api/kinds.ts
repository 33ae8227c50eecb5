import { base, type Schemas } from './client'

/** What owns webhooks. The kind is the word that stands in the API's paths and in the page's. */
export type Kind = 'agents' | 'campaigns'

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
}

export const isKind = (word: string): word is Kind => Object.hasOwn(kinds, word)

/** The kind that the API's answers name so. */
export const kindOf = (one: Schemas['OwnerKind']): Kind =>
  (Object.keys(kinds) as Kind[]).find((kind) => kinds[kind].one === one) ?? 'agents'

/** Where the API's calls about an owner stand. */
export const ownerPath = ({ kind, id }: Owner) => `${base}${kinds[kind].path(encodeURIComponent(id))}`

/** Whose something is: of what belongs to a call of a campaign, the agent that has the call. */
export const ownerOf = ({ agent_id, campaign_id }: { agent_id?: string; campaign_id?: string }): Owner =>
  agent_id ? { kind: 'agents', id: agent_id } : { kind: 'campaigns', id: campaign_id ?? '' }
