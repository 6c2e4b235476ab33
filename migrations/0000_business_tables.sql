CREATE TABLE "bounties" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"lobby_id" uuid,
	"title" text NOT NULL,
	"reward_amount" numeric(78, 0),
	"token" text,
	"status" text DEFAULT 'open' NOT NULL,
	"created_by" text NOT NULL,
	"claimed_by" text,
	"claimed_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"cancelled_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "contract_players" (
	"contract_id" uuid NOT NULL,
	"player_id" text NOT NULL,
	"stake_amount" numeric(78, 0),
	"funded_at" timestamp with time zone,
	"funding_tx_hash" text,
	"outcome" text,
	"outcome_proof" text,
	"attested_at" timestamp with time zone,
	"payout_amount" numeric(78, 0),
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "contract_players_contract_id_player_id_pk" PRIMARY KEY("contract_id","player_id")
);
--> statement-breakpoint
CREATE TABLE "contracts" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"lobby_id" uuid,
	"status" text DEFAULT 'created' NOT NULL,
	"chain_id" integer,
	"address" text,
	"token" text,
	"stake_amount" numeric(78, 0),
	"terms" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"mediator_id" text,
	"tx_hash" text,
	"initialized_at" timestamp with time zone,
	"contested_by" text,
	"contested_at" timestamp with time zone,
	"mediation_decision" jsonb,
	"mediation_submitted_at" timestamp with time zone,
	"admin_decision" jsonb,
	"admin_decided_at" timestamp with time zone,
	"payout_tx_hash" text,
	"payout_finalized_at" timestamp with time zone,
	"deleted_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "lobbies" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"code" text NOT NULL,
	"name" text,
	"host_id" text,
	"visibility" text DEFAULT 'private' NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"max_players" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "lobbies_code_unique" UNIQUE("code"),
	CONSTRAINT "lobbies_visibility_check" CHECK ("lobbies"."visibility" in ('private', 'public'))
);
--> statement-breakpoint
CREATE TABLE "lobby_participants" (
	"lobby_id" uuid NOT NULL,
	"player_id" text NOT NULL,
	"role" text DEFAULT 'player' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "lobby_participants_lobby_id_player_id_pk" PRIMARY KEY("lobby_id","player_id")
);
--> statement-breakpoint
CREATE TABLE "storage" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"contract_id" uuid NOT NULL,
	"player_id" text NOT NULL,
	"kind" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"url" text,
	"object_key" text,
	"presigned_url" text,
	"presigned_expires_at" timestamp with time zone,
	"upload_id" text,
	"content_type" text,
	"size_bytes" bigint,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "storage_kind_check" CHECK ("storage"."kind" in ('external_url', 'presigned_url', 'multipart'))
);
--> statement-breakpoint
ALTER TABLE "bounties" ADD CONSTRAINT "bounties_lobby_id_lobbies_id_fk" FOREIGN KEY ("lobby_id") REFERENCES "public"."lobbies"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contract_players" ADD CONSTRAINT "contract_players_contract_id_contracts_id_fk" FOREIGN KEY ("contract_id") REFERENCES "public"."contracts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contracts" ADD CONSTRAINT "contracts_lobby_id_lobbies_id_fk" FOREIGN KEY ("lobby_id") REFERENCES "public"."lobbies"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "lobby_participants" ADD CONSTRAINT "lobby_participants_lobby_id_lobbies_id_fk" FOREIGN KEY ("lobby_id") REFERENCES "public"."lobbies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage" ADD CONSTRAINT "storage_contract_id_contracts_id_fk" FOREIGN KEY ("contract_id") REFERENCES "public"."contracts"("id") ON DELETE restrict ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "contracts_lobby_id_index" ON "contracts" USING btree ("lobby_id");--> statement-breakpoint
CREATE INDEX "contracts_mediator_id_index" ON "contracts" USING btree ("mediator_id");--> statement-breakpoint
CREATE INDEX "lobby_participants_player_id_index" ON "lobby_participants" USING btree ("player_id");--> statement-breakpoint
CREATE INDEX "storage_contract_id_index" ON "storage" USING btree ("contract_id");