-- The control: programs from before it cannot be beside it.
ALTER TABLE memories RENAME COLUMN tags TO labels;
