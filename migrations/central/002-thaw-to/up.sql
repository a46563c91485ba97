-- A frozen tenant keeps in the trash both that it is frozen and what a thaw goes back to.
ALTER TABLE tenants ADD COLUMN thaw_to TEXT;
UPDATE tenants SET thaw_to = state_was, state_was = NULL WHERE state = 'frozen';
