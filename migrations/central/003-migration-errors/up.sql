-- Why a tenant's file could not be brought to the newest schema, until it is.
ALTER TABLE tenants ADD COLUMN migration_error_code TEXT;
ALTER TABLE tenants ADD COLUMN migration_error TEXT;
ALTER TABLE tenants ADD COLUMN migration_failed_at INTEGER;
-- Finds the files that are older than the program without looking at every tenant.
CREATE INDEX tenants_by_schema ON tenants (schema_version) WHERE state IN ('active', 'suspended');
